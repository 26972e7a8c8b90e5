import { describePostgres } from '@tenantry/servers/vitest'
import { Kysely, PostgresDialect, type PostgresPool, sql } from 'kysely'
import { beforeAll, describe, expect, it } from 'vitest'
import type { TenantClient } from '../src/index.ts'
import { Cursor, failure, leased, refusal, useDatabase, whoAmI } from './support.ts'

interface Tables {
  notes: { tenant_id?: string; id?: number; text: string }
}

describePostgres('a transaction', server => {
  const db = useDatabase(server)

  beforeAll(async () => {
    const admin = await db.connect()
    // Writes down who the tenant is when the constraint is checked: at COMMIT.
    await admin.query(`
      create table checked (v int);
      create function look() returns trigger language plpgsql as
        $$ begin insert into seen values (current_setting('app.tenant', true)); return null; end $$;
      create constraint trigger late after insert on checked deferrable initially deferred
        for each row execute function look();
      create table strict (v int unique deferrable initially deferred);
      grant select, insert on checked, strict to ${db.database.runtimeRole}`)
  })

  async function tenantOf(lease: TenantClient): Promise<string> {
    return (await lease.query(whoAmI)).rows[0].tenant
  }
  async function texts(lease: TenantClient): Promise<string[]> {
    return (await lease.query('select text from notes order by id')).rows.map(({ text }) => text)
  }
  async function asEveryone(text: string): Promise<Record<string, unknown>[]> {
    const admin = await db.connect()
    return (await admin.query(text)).rows
  }

  it('is committed as the tenant, in every way to say so', async () => {
    const { acme } = db.bench()
    const ways = [
      ['begin', 'commit'],
      ['BEGIN WORK', 'end'],
      ['start transaction', 'commit work'],
      ['/* a */ begin; ', ';commit -- b'],
    ] as const
    await leased(acme, async lease => {
      for (const [open, close] of ways) {
        await lease.query(open)
        expect(lease.getTransactionStatus()).toBe('T')
        expect(await tenantOf(lease)).toBe('acme')
        await lease.query('insert into notes (text) values ($1)', [open])
        await lease.query(close)
        expect(lease.getTransactionStatus()).toBe('I')
      }
    })
    const rows = await asEveryone("select tenant_id, text from notes where text ~* 'begin|start' order by id")
    expect(rows).toEqual(ways.map(([text]) => ({ tenant_id: 'acme', text })))
  })

  it('is rolled back, in every way to say so', async () => {
    const { acme } = db.bench()
    await leased(acme, async lease => {
      for (const close of ['rollback', 'ABORT', 'rollback transaction']) {
        await lease.query('begin')
        await lease.query("insert into notes (text) values ('gone')")
        await lease.query(close)
        expect(lease.getTransactionStatus()).toBe('I')
      }
      expect(await texts(lease)).not.toContain('gone')
    })
  })

  it('that is aborted refuses statements, and ends with ROLLBACK', async () => {
    const { acme } = db.bench()
    await leased(acme, async lease => {
      await lease.query('begin')
      expect((await failure(lease.query('select 1/0'))).code).toBe('22012')
      expect(lease.getTransactionStatus()).toBe('E')
      expect((await failure(lease.query('select 1'))).code).toBe('25P02')
      expect((await failure(lease.query({ name: 'new', text: 'select 1' }))).code).toBe('25P02')
      await lease.query('rollback')
      expect(lease.getTransactionStatus()).toBe('I')
      expect(await tenantOf(lease)).toBe('acme')
      expect((await lease.query({ name: 'new', text: 'select 1 as v' })).rows).toEqual([{ v: 1 }])
    })
  })

  it('that is aborted ends with COMMIT too, which the server answers with ROLLBACK', async () => {
    const { acme } = db.bench()
    await leased(acme, async lease => {
      await lease.query('begin')
      await lease.query("insert into notes (text) values ('never')")
      await failure(lease.query('select 1/0'))
      expect((await lease.query('commit')).command).toBe('ROLLBACK')
      expect(lease.getTransactionStatus()).toBe('I')
      expect(await texts(lease)).not.toContain('never')
    })
  })

  it('that is aborted goes on after ROLLBACK TO, as the same tenant', async () => {
    const { acme } = db.bench()
    await leased(acme, async lease => {
      await lease.query('begin')
      await lease.query('savepoint s')
      await failure(lease.query('select 1/0'))
      await lease.query('rollback to savepoint s')
      expect(lease.getTransactionStatus()).toBe('T')
      expect(await tenantOf(lease)).toBe('acme')
      await lease.query('release s')
      await lease.query('commit')
    })
  })

  it('of which a savepoint is rolled back keeps the tenant that a statement has overwritten since', async () => {
    const { acme } = db.bench()
    await leased(acme, async lease => {
      await lease.query('begin')
      await lease.query("select set_config('app.tenant', 'globex', true)")
      await lease.query('savepoint s')
      await lease.query('rollback to s')
      expect(await texts(lease)).toContain('of acme')
      expect(await texts(lease)).not.toContain('of globex')
      await lease.query('rollback')
    })
  })

  it('takes its isolation level after BEGIN', async () => {
    const { acme } = db.bench()
    await leased(acme, async lease => {
      await lease.query('begin')
      await lease.query('set transaction isolation level serializable')
      const { rows } = await lease.query('show transaction_isolation')
      expect(rows).toEqual([{ transaction_isolation: 'serializable' }])
      await lease.query('rollback')
    })
  })

  it('can be read only', async () => {
    const { acme } = db.bench()
    await leased(acme, async lease => {
      await lease.query('start transaction isolation level repeatable read, read only')
      expect(await texts(lease)).toContain('of acme')
      expect((await failure(lease.query("insert into notes (text) values ('x')"))).code).toBe('25006')
      await lease.query('rollback')
    })
  })

  it('takes settings of its own with SET LOCAL', async () => {
    const { acme } = db.bench()
    await leased(acme, async lease => {
      await lease.query('begin')
      await lease.query("set local statement_timeout = '5s'")
      expect((await lease.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '5s' }])
      await lease.query('commit')
    })
  })

  it('has its tenant when deferred constraints are checked at COMMIT', async () => {
    const { acme, globex } = db.bench()
    for (const [tenant, pool] of Object.entries({ acme, globex })) {
      await leased(pool, async lease => {
        await lease.query('begin')
        await lease.query('insert into checked values (1)')
        // A statement that touches no data stands last.
        await lease.query('savepoint s')
        await lease.query('release s')
        await lease.query('commit')
      })
      expect(await asEveryone('delete from seen returning tenant')).toEqual([{ tenant }])
    }
  })

  it('has its tenant when deferred constraints are checked by SET CONSTRAINTS', async () => {
    const { acme } = db.bench()
    await leased(acme, async lease => {
      await lease.query('begin')
      await lease.query('insert into checked values (1)')
      await lease.query('set constraints all immediate')
      await lease.query('commit')
    })
    expect(await asEveryone('delete from seen returning tenant')).toEqual([{ tenant: 'acme' }])
  })

  it('that fails at COMMIT rejects there, and leaves the connection idle', async () => {
    const { acme } = db.bench()
    await leased(acme, async lease => {
      await lease.query('begin')
      await lease.query('insert into strict values (1), (1)')
      expect((await failure(lease.query('commit'))).code).toBe('23505')
      expect(lease.getTransactionStatus()).toBe('I')
    })
  })

  it('that is chained to the next one keeps its tenant, for cursors too', async () => {
    const { acme } = db.bench()
    for (const chain of ['commit and chain', 'rollback and chain']) {
      await leased(acme, async lease => {
        await lease.query('begin')
        await lease.query('select 1')
        await lease.query(chain)
        expect(lease.getTransactionStatus()).toBe('T')
        const cursor = lease.query(new Cursor(whoAmI))
        expect(await cursor.read(1)).toEqual([{ tenant: 'acme' }])
        await cursor.close()
        await lease.query('rollback')
      })
    }
  })

  it('queues the statements that are not awaited, in order', async () => {
    const { acme } = db.bench()
    await leased(acme, async lease => {
      const answers = await Promise.all([
        lease.query('begin'),
        lease.query("insert into notes (text) values ('queued') returning id"),
        lease.query(whoAmI),
        failure(lease.query('select 1/0')),
        failure(lease.query('select 2')),
        lease.query('rollback'),
        lease.query(whoAmI),
      ])
      expect(answers[2].rows).toEqual([{ tenant: 'acme' }])
      expect([answers[3].code, answers[4].code]).toEqual(['22012', '25P02'])
      expect(answers[6].rows).toEqual([{ tenant: 'acme' }])
      expect(lease.getTransactionStatus()).toBe('I')
    })
  })

  it('is refused without a lease', async () => {
    const { acme, tap } = db.bench()
    for (const text of [
      'begin',
      'commit',
      'rollback',
      'savepoint s',
      'set transaction read only',
      'set local x.y = 1',
    ]) {
      expect(await refusal(acme.query(text)), text).toMatch('STATEMENT_REFUSED')
    }
    expect(tap.sockets).toEqual([])
  })

  describe('of Kysely', () => {
    function kysely(): Kysely<Tables> {
      const { acme } = db.bench()
      // Kysely's own types of what it needs of pg and pg-cursor.
      const dialect = new PostgresDialect({ pool: acme as unknown as PostgresPool, cursor: Cursor as never })
      return new Kysely<Tables>({ dialect })
    }

    it('commits and rolls back', async () => {
      const k = kysely()
      await k.transaction().execute(async trx => {
        await trx.insertInto('notes').values({ text: 'kept' }).execute()
      })
      await failure(
        k.transaction().execute(async trx => {
          await trx.insertInto('notes').values({ text: 'dropped' }).execute()
          throw new Error('no')
        }),
      )
      const rows = await k
        .selectFrom('notes')
        .select(['tenant_id', 'text'])
        .where('text', 'in', ['kept', 'dropped'])
        .execute()
      expect(rows).toEqual([{ tenant_id: 'acme', text: 'kept' }])
    })

    it('nests savepoints, with an isolation level', async () => {
      const k = kysely()
      const trx = await k.startTransaction().setIsolationLevel('serializable').execute()
      await trx.insertInto('notes').values({ text: 'outer' }).execute()
      const first = await trx.savepoint('first').execute()
      await failure(first.insertInto('notes').values({ text: sql<string>`1/0` }).execute())
      const back = await first.rollbackToSavepoint('first').execute()
      const second = await back.savepoint('second').execute()
      await second.insertInto('notes').values({ text: 'inner' }).execute()
      const released = await second.releaseSavepoint('second').execute()
      await released.commit().execute()
      const rows = await k.selectFrom('notes').select('text').where('text', 'in', ['outer', 'inner']).execute()
      expect(rows.map(({ text }) => text).sort()).toEqual(['inner', 'outer'])
    })

    it('streams inside a transaction, and commits afterwards', async () => {
      const k = kysely()
      const texts = await k.transaction().execute(async trx => {
        await trx.insertInto('notes').values({ text: 'streamed' }).execute()
        const found: string[] = []
        for await (const { text } of trx.selectFrom('notes').select('text').stream(1)) found.push(text)
        return found
      })
      expect(texts).toContain('streamed')
      expect(texts).not.toContain('of globex')
      const kept = await k.selectFrom('notes').select('text').where('text', '=', 'streamed').execute()
      expect(kept).toHaveLength(1)
    })

    it('does not stream outside of one', async () => {
      const rows = kysely().selectFrom('notes').select('text').stream(1)
      expect(await refusal(rows[Symbol.asyncIterator]().next())).toBe('STATEMENT_REFUSED')
    })
  })
})
