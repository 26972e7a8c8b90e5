import { describePostgres } from '@tenantry/servers/vitest'
import type pg from 'pg'
import { describe, expect, it } from 'vitest'
import type { TenantPool } from '../src/index.ts'
import {
  type Bench,
  backend,
  Cursor,
  failure,
  leased,
  refusal,
  turn,
  turnstile,
  useDatabase,
  whoAmI,
} from './support.ts'

describePostgres('residue of a tenant on a pooled connection', server => {
  const db = useDatabase(server)

  /** What every connection of the pool says to somebody who uses it without a scope. */
  async function residue({ pool }: Bench): Promise<unknown[]> {
    const clients = await Promise.all(Array.from({ length: pool.options.max }, () => pool.connect()))
    const found = await Promise.all(
      clients.map(async client => {
        const { rows } = await client.query(`${whoAmI}, (select count(*)::int from notes) as notes`)
        return { ...rows[0], status: client.getTransactionStatus() }
      }),
    )
    for (const client of clients) client.release()
    return found
  }

  async function expectNone(bench: Bench): Promise<void> {
    for (const { tenant, ...rest } of (await residue(bench)) as { tenant: string | null }[]) {
      // NULL on a new connection, '' where a transaction has set it before (R9).
      expect(['', null]).toContain(tenant)
      expect(rest).toEqual({ notes: 0, status: 'I' })
    }
  }

  const uses: Readonly<Record<string, (pool: TenantPool) => Promise<unknown>>> = {
    'a statement': pool => pool.query('select * from notes'),
    'a named statement': pool => pool.query({ name: 'n', text: 'select * from notes' }),
    'an empty statement': pool => pool.query(''),
    'an error of the parser': pool => failure(pool.query('selec')),
    'an error at execution': pool => failure(pool.query('select 1/0')),
    'a bad value': pool => failure(pool.query('select $1::int', ['x'])),
    'a commit': pool =>
      leased(pool, async lease => {
        for (const text of ['begin', 'select * from notes', 'commit']) await lease.query(text)
      }),
    'a rollback': pool =>
      leased(pool, async lease => {
        await lease.query('begin')
        await failure(lease.query('select 1/0'))
        await lease.query('rollback')
      }),
    'a savepoint': pool =>
      leased(pool, async lease => {
        for (const text of ['begin', 'savepoint s', 'select 1', 'rollback to s', 'release s', 'commit']) {
          await lease.query(text)
        }
      }),
    'an open transaction': pool => leased(pool, lease => lease.query('begin')),
    'a cursor': pool =>
      leased(pool, async lease => {
        await lease.query('begin')
        await lease.query(new Cursor('select * from notes')).read(1)
      }),
    'a statement that sets the tenant for the session': pool =>
      leased(pool, async lease => {
        await lease.query('begin')
        await lease.query("select set_config('app.tenant', 'globex', true)")
        await lease.query('commit')
      }),
    'a statement that times out on the server': pool =>
      leased(pool, async lease => {
        await lease.query('begin')
        await lease.query("set local statement_timeout = '10ms'")
        expect((await failure(lease.query('select pg_sleep(600)'))).code).toBe('57014')
        await lease.query('rollback')
      }),
  }
  for (const [name, use] of Object.entries(uses)) {
    it(`there is none after ${name}`, async () => {
      const bench = db.bench({ max: 2 })
      await Promise.all([use(bench.acme), use(bench.globex)])
      await expectNone(bench)
    })
  }

  it('there is none after a client-side timeout, nor after the server process was ended', async () => {
    const bench = db.bench()
    const gate = await turnstile(db)
    await failure(bench.acme.query({ text: gate.text, query_timeout: 50 } as pg.QueryConfig))
    await gate.open()
    await expectNone(bench)
    const admin = await db.connect()
    const pid = await backend(bench.acme)
    const again = await turnstile(db)
    const lost = refusal(bench.acme.query(again.text))
    await again.waiting()
    await admin.query('select pg_terminate_backend($1, 10000)', [pid])
    expect(await lost).toBe('CONNECTION_LOST')
    await expectNone(bench)
  })

  it('the next statement without a scope, on the same connection and right behind, sees nothing', async () => {
    const { pool, acme } = db.bench()
    for (const text of ['select 1', 'select 1/0']) {
      const [, raw] = await Promise.all([acme.query(text).catch(() => undefined), pool.query(whoAmI)])
      expect(['', null]).toContain(raw.rows[0].tenant)
    }
  })

  it('a tenant that another one has set for the session is not used by a scoped statement', async () => {
    const { pool, acme, globex } = db.bench()
    await pool.query("set app.tenant = 'globex'")
    expect((await acme.query('select text from notes')).rows).toEqual([{ text: 'of acme' }])
    await leased(acme, async lease => {
      await lease.query('begin')
      expect((await lease.query('select text from notes')).rows).toEqual([{ text: 'of acme' }])
      await lease.query('commit')
    })
    expect((await globex.query('select text from notes')).rows).toEqual([{ text: 'of globex' }])
  })

  it('a procedure that commits goes on without a tenant, never with another one', async () => {
    const { acme } = db.bench()
    const admin = await db.connect()
    await admin.query(`
      create or replace procedure committing() language plpgsql as $$ begin
        commit;
        insert into seen values (current_setting('app.tenant', true));
      end $$`)
    // 18 refuses the COMMIT, because a pipeline is a transaction block there; 15 runs it.
    const { code } = await acme.query('call committing()').then(
      () => ({ code: undefined }),
      (error: pg.DatabaseError) => error,
    )
    const { rows } = await admin.query('delete from seen returning tenant')
    if (code === undefined) expect(rows).toEqual([{ tenant: '' }])
    else expect([code, rows]).toEqual(['2D000', []])
  })

  describe('of somebody who uses the pg.Pool without a scope', () => {
    const ways: Readonly<Record<string, (client: pg.PoolClient) => unknown>> = {
      'an open transaction': client => client.query('begin'),
      'an aborted transaction': async client => {
        await client.query('begin')
        await failure(client.query('select 1/0'))
      },
      'a BEGIN that is not awaited': client => void client.query('begin'),
      'a BEGIN that is not awaited, behind others': client => {
        for (const text of ['select 1', 'select pg_sleep(0.02)', 'begin']) void client.query(text)
      },
    }
    for (const [name, leave] of Object.entries(ways)) {
      it.each([true, false])(`${name}: a statement is kept out of it (known connection: %s)`, async known => {
        const { pool, acme } = db.bench()
        if (known) await acme.query('select 1')
        const client = await pool.connect()
        await leave(client)
        client.release()
        await acme.query('insert into notes (text) values ($1)', [`beside ${name}`])
        await leased(acme, async lease => {
          expect(lease.getTransactionStatus()).toBe('I')
          const { rowCount } = await lease.query('delete from notes where text = $1', [`beside ${name}`])
          expect(rowCount).toBe(1)
        })
      })
    }

    it('a BEGIN on a client that was kept, between our look at the connection and our statement: it is not sent', async () => {
      const { pool, acme } = db.bench()
      const outcomes = new Set<string>()
      // One of these turns falls between the two; the others come before or after.
      for (let turns = 0; turns < 16; turns++) {
        const text = `after ${turns} turns`
        await turn()
        pool.once('acquire', client => {
          async function interfere(): Promise<void> {
            for (let turn = 0; turn < turns; turn++) await undefined
            await client.query('begin')
          }
          interfere().catch(() => undefined)
        })
        const outcome = await acme.query('insert into notes (text) values ($1)', [text]).then(
          () => 'done',
          (error: { code: string }) => error.code,
        )
        outcomes.add(outcome)
        const { rowCount } = await acme.query('select 1 from notes where text = $1', [text])
        expect([outcome, rowCount], text).toEqual(outcome === 'done' ? ['done', 1] : ['CONNECTION_LOST', 0])
      }
      expect([...outcomes].sort()).toEqual(['CONNECTION_LOST', 'done'])
    })

    it('a listener that sets new connections up has its statements in front', async () => {
      const { pool, acme, tap } = db.bench()
      pool.on('connect', client => void client.query("set app.set_up = 'yes'"))
      const { rows } = await acme.query(`${whoAmI}, current_setting('app.set_up', true) as set_up`)
      expect(rows).toEqual([{ tenant: 'acme', set_up: 'yes' }])
      expect(tap.sockets).toHaveLength(1)
    })

    it('a cursor, open on a client that was given back: another connection is taken, soon', async () => {
      const { pool, acme: scoped } = db.bench()
      const client = await pool.connect()
      const cursor = client.query(new Cursor('select generate_series(1, 1000)'))
      await cursor.read(1)
      client.release()
      expect((await scoped.query(whoAmI)).rows).toEqual([{ tenant: 'acme' }])
      expect(pool.totalCount).toBe(1)
    })

    it('a second release of a client, which is somebody else’s by then: it throws', async () => {
      const { pool, acme: scoped, globex: other } = db.bench()
      const client = await pool.connect()
      client.release()
      const lease = await scoped.connect()
      expect(() => client.release()).toThrow('already been released')
      const next = other.query(whoAmI)
      expect(pool.waitingCount).toBe(1)
      lease.release()
      expect((await next).rows).toEqual([{ tenant: 'globex' }])
      expect(() => client.release()).toThrow('already been released')
      const again = await pool.connect()
      again.release()
    })

    it('a listener that never ends its work on a new connection is not waited for for ever', async () => {
      const { pool, acme: scoped } = db.bench({ connectionTimeoutMillis: 500 })
      pool.on('connect', client => void client.query('select pg_sleep(600)').catch(() => undefined))
      expect(await refusal(scoped.query(whoAmI))).toBe('DATABASE_UNAVAILABLE')
      expect(pool.totalCount).toBe(0)
    })

    it('a listener that opens a transaction on each new connection is refused, not tried for ever', async () => {
      const { pool, acme, tap } = db.bench({ max: 2 })
      pool.on('connect', client => void client.query('begin'))
      expect(await refusal(acme.query('select 1'))).toBe('DATABASE_UNAVAILABLE')
      expect(tap.sockets).toHaveLength(3)
    })
  })
})
