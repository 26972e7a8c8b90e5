import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { scopedPool, type TenantClient } from '../src/index.ts'
import {
  acme as acmeTenant,
  backend,
  Cursor,
  closed,
  failure,
  globex as globexTenant,
  leased,
  refusal,
  scope,
  turn,
  turnstile,
  useDatabase,
  whoAmI,
} from './support.ts'

type AnyQuery = (...args: unknown[]) => unknown

describePostgres('a lease', server => {
  const db = useDatabase(server)

  describe('is revoked by release (finding 4)', () => {
    const uses: Readonly<Record<string, (lease: TenantClient) => unknown>> = {
      query: lease => lease.query('select 1'),
      'query with a callback': lease =>
        new Promise((resolve, reject) => {
          lease.query('select 1', (error: Error, result: unknown) => (error ? reject(error) : resolve(result)))
        }),
      'query with a cursor': lease => lease.query(new Cursor('select 1')),
      getTransactionStatus: lease => lease.getTransactionStatus(),
      on: lease => lease.on('notice', () => undefined),
      once: lease => lease.once('notice', () => undefined),
      addListener: lease => lease.addListener('notice', () => undefined),
      'release again': lease => lease.release(),
    }
    it.each(Object.entries(uses))('%s: SCOPE_CLOSED, and nothing is sent', async (_, use) => {
      const { acme, globex, tap } = db.bench()
      const kept = await acme.connect()
      await kept.query(whoAmI)
      kept.release()
      const next = await globex.connect()
      await next.query('begin')
      tap.reset()
      expect(await refusal(() => use(kept))).toBe('SCOPE_CLOSED')
      expect(tap.writes).toEqual([])
      expect((await next.query('select text from notes')).rows).toEqual([{ text: 'of globex' }])
      next.release()
    })

    it('a function taken off it is revoked as well', async () => {
      const { acme, tap } = db.bench()
      const { query, release } = await acme.connect()
      await query(whoAmI)
      release()
      tap.reset()
      expect(await refusal(query(whoAmI))).toBe('SCOPE_CLOSED')
      expect(await refusal(() => release())).toBe('SCOPE_CLOSED')
      expect(tap.writes).toEqual([])
    })

    it('a double release does not release the next tenant’s lease', async () => {
      const { pool, acme, globex } = db.bench()
      const first = await acme.connect()
      first.release()
      const second = await globex.connect()
      expect(await refusal(() => first.release())).toBe('SCOPE_CLOSED')
      expect(pool.idleCount).toBe(0)
      expect((await second.query(whoAmI)).rows).toEqual([{ tenant: 'globex' }])
      second.release()
    })

    it('its listeners hear nothing of the next tenant, and never get hold of the client', async () => {
      const { acme, globex } = db.bench()
      const heard: string[] = []
      const selves: unknown[] = []
      const raise = (text: string) => `do $$ begin raise notice '${text}'; end $$`
      const lease = await acme.connect()
      lease.on('notice', function (this: unknown, notice: { message: string }) {
        selves.push(this)
        heard.push(notice.message)
      })
      const removed = (notice: { message: string }) => void heard.push(`removed ${notice.message}`)
      lease.on('notice', removed).off('notice', removed)
      await lease.query(raise('acme'))
      lease.release()
      await globex.query(raise('globex'))
      expect(heard).toEqual(['acme'])
      expect(selves[0]).toBe(lease)
    })
  })

  describe('with a statement still running at release', () => {
    it('loses its connection; the promise ends with CONNECTION_LOST and never sees the next tenant', async () => {
      const { acme, globex, tap } = db.bench()
      const gate = await turnstile(db)
      const lease = await acme.connect()
      const running = failure(lease.query(gate.text))
      const queued = failure(lease.query('select text from notes'))
      await gate.waiting()
      lease.release()
      const [socket] = tap.sockets
      expect((await running).code).toBe('CONNECTION_LOST')
      expect((await queued).code).toBe('CONNECTION_LOST')
      await gate.open()
      expect((await globex.query('select text from notes')).rows).toEqual([{ text: 'of globex' }])
      expect(tap.sockets).toHaveLength(2)
      expect(socket?.destroyed).toBe(true)
    })

    it('also when it waits behind a statement that was never sent', async () => {
      const { acme, globex, tap } = db.bench()
      const lease = await acme.connect()
      await lease.query(whoAmI)
      const cyclic: { self?: unknown } = {}
      cyclic.self = cyclic
      const bad = failure(lease.query('select $1', [cyclic]))
      const behind = failure(lease.query("insert into notes (text) values ('behind')"))
      lease.release()
      await bad
      expect((await behind).code).toBe('CONNECTION_LOST')
      expect((await globex.query(whoAmI)).rows).toEqual([{ tenant: 'globex' }])
      expect(tap.sockets).toHaveLength(2)
      expect((await acme.query("select 1 from notes where text = 'behind'")).rowCount).toBe(0)
    })
  })

  describe('comes back dirty and is destroyed, never reused (finding 5)', () => {
    /** What the server process was, and that the next lease has another one and its own tenant. */
    async function expectDestroyed(
      dirty: (lease: TenantClient) => unknown,
      options: pg.PoolConfig = {},
    ): Promise<void> {
      const { acme, globex, tap } = db.bench(options)
      const lease = await acme.connect()
      const pid = await backend(lease)
      const [socket] = tap.sockets
      await dirty(lease)
      lease.release()
      if (socket !== undefined) await closed(socket)
      await leased(globex, async next => {
        expect(await backend(next)).not.toBe(pid)
        expect(next.getTransactionStatus()).toBe('I')
        expect((await next.query('select text from notes')).rows).toEqual([{ text: 'of globex' }])
      })
    }

    it('in an open transaction', () => expectDestroyed(lease => lease.query('begin')))

    it('in an aborted transaction', () =>
      expectDestroyed(async lease => {
        await lease.query('begin')
        await failure(lease.query('select 1/0'))
      }))

    it('after a client-side timeout, with statements refused in between', async () => {
      const gate = await turnstile(db)
      for (const [options, statement] of [
        [{}, { text: gate.text, query_timeout: 50 }],
        [{ query_timeout: 50 }, { text: gate.text }],
      ] as const) {
        await expectDestroyed(async lease => {
          await lease.query('begin')
          expect((await failure(lease.query(statement as pg.QueryConfig))).message).toBe('Query read timeout')
          expect(await refusal(lease.query('rollback'))).toBe('CONNECTION_LOST')
          expect(await refusal(() => lease.query(new Cursor('select 1')))).toBe('CONNECTION_LOST')
        }, options)
      }
      await gate.open()
    })

    it('and what was queued behind a statement that timed out is not sent', async () => {
      const gate = await turnstile(db)
      const { acme } = db.bench()
      await leased(acme, async lease => {
        const slow = failure(lease.query({ text: gate.text, query_timeout: 50 } as pg.QueryConfig))
        const behind = failure(lease.query("insert into notes (text) values ('after a timeout')"))
        await slow
        await gate.open()
        expect((await behind).code).toBe('CONNECTION_LOST')
      })
      expect((await acme.query("select 1 from notes where text = 'after a timeout'")).rowCount).toBe(0)
    })

    it('after a client-side timeout of a single statement', async () => {
      const gate = await turnstile(db)
      for (const [options, statement] of [
        [{}, { text: gate.text, query_timeout: 50 }],
        [{ query_timeout: 50 }, { text: gate.text }],
      ] as const) {
        const { acme, globex, tap } = db.bench(options)
        const pid = await backend(acme)
        expect((await failure(acme.query(statement as pg.QueryConfig))).message).toBe('Query read timeout')
        const [socket] = tap.sockets
        if (socket !== undefined) await closed(socket)
        expect(await backend(globex)).not.toBe(pid)
      }
      await gate.open()
    })

    it('when it is released with an error, or with true', async () => {
      for (const reason of [true, new Error('odd')]) {
        const { acme, globex } = db.bench()
        const lease = await acme.connect()
        const pid = await backend(lease)
        lease.release(reason)
        expect(await backend(globex)).not.toBe(pid)
      }
    })

    it('but a clean one is used again', async () => {
      for (const reason of [undefined, false]) {
        const { acme, globex } = db.bench()
        const lease = await acme.connect()
        const pid = await backend(lease)
        lease.release(reason)
        expect(await backend(globex)).toBe(pid)
      }
    })
  })

  it('goes by the id that it was given for, though the source gives the same object with another', async () => {
    const { pool, tap } = db.bench()
    const tenant = { ...acmeTenant }
    const lease = await scopedPool({ pool, scope })
      .handle(() => tenant)
      .connect()
    tap.reset()
    Object.assign(tenant, { id: 'globex' })
    expect(await refusal(lease.query('select 1'))).toBe('SCOPE_MISMATCH')
    expect(tap.sent()).toEqual([])
    lease.release()
  })

  it('is of no use in the unit of work of another tenant: SCOPE_MISMATCH, and nothing is sent', async () => {
    const { pool, tap } = db.bench()
    let current = acmeTenant
    const lease = await scopedPool({ pool, scope })
      .handle(() => current)
      .connect()
    await lease.query('begin')
    tap.reset()
    current = globexTenant
    expect(await refusal(lease.query('select 1'))).toBe('SCOPE_MISMATCH')
    expect(await refusal(lease.query('commit'))).toBe('SCOPE_MISMATCH')
    expect(await refusal(() => lease.query(new Cursor('select 1')))).toBe('SCOPE_MISMATCH')
    expect(tap.writes).toEqual([])
    current = acmeTenant
    expect((await lease.query(whoAmI)).rows).toEqual([{ tenant: 'acme' }])
    lease.release()
  })

  describe('with a cursor', () => {
    it('refuses it outside a transaction, and before BEGIN is answered', async () => {
      const { acme, tap } = db.bench()
      await leased(acme, async lease => {
        await lease.query(whoAmI)
        tap.reset()
        expect(await refusal(() => lease.query(new Cursor('select 1')))).toBe('STATEMENT_REFUSED')
        expect(tap.writes).toEqual([])
        const begun = lease.query('begin')
        expect(await refusal(() => lease.query(new Cursor('select 1')))).toBe('STATEMENT_REFUSED')
        await begun
        await failure(lease.query('select 1/0'))
        expect(await refusal(() => lease.query(new Cursor('select 1')))).toBe('STATEMENT_REFUSED')
        await lease.query('rollback')
      })
      expect(await refusal(() => acme.query(new Cursor('select 1') as never))).toBe('STATEMENT_REFUSED')
    })

    it('reads as the tenant, whatever statements have set, and the transaction goes on', async () => {
      const { acme } = db.bench()
      await leased(acme, async lease => {
        await lease.query('begin')
        await lease.query("select set_config('app.tenant', 'globex', true)")
        const cursor = lease.query(new Cursor('select text from notes order by id'))
        expect(await cursor.read(1)).toEqual([{ text: 'of acme' }])
        await cursor.close()
        expect((await lease.query(whoAmI)).rows).toEqual([{ tenant: 'acme' }])
        await lease.query('commit')
        expect(lease.getTransactionStatus()).toBe('I')
      })
    })

    it('fails with what its types throw, and the lease is of no more use', async () => {
      const { pool, acme } = db.bench()
      const types: pg.CustomTypesConfig = {
        getTypeParser: () => () => {
          throw new Error('of types')
        },
      }
      await leased(acme, async lease => {
        await lease.query('begin')
        const cursor = lease.query(new Cursor('select generate_series(1, 9)', [], { types }))
        expect((await failure(cursor.read(2))).message).toBe('of types')
        expect(await refusal(lease.query('select 1'))).toBe('CONNECTION_LOST')
      })
      expect(pool.totalCount).toBe(0)
    })

    it('destroys the connection at release, so that a cursor that was kept reads nothing', async () => {
      const { acme, globex, tap } = db.bench()
      const lease = await acme.connect()
      await lease.query('begin')
      const kept = lease.query(new Cursor('select text from notes, generate_series(1, 9)'))
      await kept.read(1)
      const [socket] = tap.sockets
      lease.release()
      const late = failure(kept.read(1))
      await leased(globex, async next => {
        await next.query('begin')
        expect((await next.query('select text from notes')).rows).toEqual([{ text: 'of globex' }])
      })
      if (socket !== undefined) await closed(socket)
      expect((await late).message).toMatch(/Connection terminated/)
    })

    it('that is done, in a transaction that is done, destroys it as well: it still knows the connection', async () => {
      const { acme, globex } = db.bench()
      const lease = await acme.connect()
      await lease.query('begin')
      const pid = await backend(lease)
      const cursor = lease.query(new Cursor('select 1'))
      await cursor.read(2)
      await cursor.close()
      await lease.query('commit')
      lease.release()
      expect(await backend(globex)).not.toBe(pid)
    })

    it.each(['commit', 'rollback; begin', "set session app.tenant = 'globex'", 'reset all', 'prepare p as select 1'])(
      'that would say %s is refused',
      async text => {
        const { acme, tap } = db.bench()
        await leased(acme, async lease => {
          await lease.query('begin')
          tap.reset()
          expect(await refusal(() => lease.query(new Cursor(text)))).toBe('STATEMENT_REFUSED')
          expect(tap.writes).toEqual([])
        })
      },
    )

    it('a pg.Query object is refused: its text may hold COMMIT and more', async () => {
      const { acme, tap } = db.bench()
      await leased(acme, async lease => {
        await lease.query('begin')
        tap.reset()
        const query = new pg.Query("commit; set app.tenant = 'globex'; select * from notes")
        expect(await refusal(() => (lease.query as AnyQuery)(query))).toBe('STATEMENT_REFUSED')
        expect(await refusal(() => (acme.query as unknown as AnyQuery)(query))).toBe('STATEMENT_REFUSED')
        expect(tap.writes).toEqual([])
      })
    })
  })

  describe('refuses what would outlive it: STATEMENT_REFUSED, and nothing is sent', () => {
    const refused = [
      'copy notes to stdout',
      'copy notes from stdin',
      "set app.tenant = 'globex'",
      "set session app.tenant = 'globex'",
      'set role postgres',
      'set session authorization default',
      'set session characteristics as transaction read only',
      'reset all',
      'reset role',
      'discard all',
      'listen news',
      'unlisten *',
      "load 'x'",
      'prepare p as select 1',
      "execute p('globex')",
      'deallocate all',
      'declare c cursor with hold for select 1',
      'declare "for" cursor with hold for select 1',
      'declare c /* for */ binary no scroll cursor with hold for select 1',
      'declare U&"c" cursor with hold for select 1',
      'create temp table t ()',
      'create local temporary table t ()',
      'create or replace temp view v as select 1',
      'create table pg_temp.notes ()',
      'create table if not exists "pg_temp" . notes ()',
      'create function pg_temp.f() returns int language sql as $$ select 1 $$',
      "prepare transaction 'x'",
      "commit prepared 'x'",
      "rollback prepared 'x'",
      "set local app.tenant = 'globex'",
      "set local app . tenant = 'globex'",
      "set local app/**/./**/tenant = 'globex'",
      `set local "app"."tenant" = 'globex'`,
      `set local U&"app"."tenant" = 'globex'`,
      "set local \u00e4pp.tenant = 'globex'",
      'set local role postgres',
      'set local "role" = postgres',
      'set local session authorization default',
      'set local row_security = off',
      'set local search_path = evil',
    ]
    it.each(refused)('%s', async text => {
      const { acme, tap } = db.bench()
      await leased(acme, async lease => {
        await lease.query('begin')
        tap.reset()
        expect(await refusal(lease.query(text))).toBe('STATEMENT_REFUSED')
        expect(await refusal(lease.query({ name: 'n', text: `;/* /* */ */ ${text.toUpperCase()}` }))).toBe(
          'STATEMENT_REFUSED',
        )
        expect(tap.writes).toEqual([])
        await lease.query('rollback')
      })
      tap.reset()
      expect(await refusal(acme.query(text))).toBe('STATEMENT_REFUSED')
      expect(tap.writes).toEqual([])
    })

    it.each(['create table temp ()', 'create index temp on t (i)', 'declare c cursor for select hold from t'])(
      'but not %s',
      async text => {
        const { acme } = db.bench()
        const { code } = await leased(acme, lease => failure(lease.query(text)))
        expect(code).not.toBe('STATEMENT_REFUSED')
      },
    )
  })

  it('given by connect with a callback, which gets its release as done', async () => {
    const { pool, acme } = db.bench()
    const lease = await new Promise<TenantClient | undefined>((resolve, reject) => {
      acme.connect((error, client, done) => {
        if (error) reject(error)
        else resolve(client)
        done()
      })
    })
    await turn()
    expect(pool.idleCount).toBe(1)
    expect(await refusal(() => lease?.query('select 1'))).toBe('SCOPE_CLOSED')
  })

  it('that was asked for and is not needed any more can be released as soon as it comes', async () => {
    const { pool, acme } = db.bench()
    const first = await acme.connect()
    const pending = [acme.connect(), acme.connect()]
    first.release()
    for (const lease of pending) (await lease).release()
    await turn()
    expect([pool.totalCount, pool.idleCount]).toEqual([1, 1])
  })
})
