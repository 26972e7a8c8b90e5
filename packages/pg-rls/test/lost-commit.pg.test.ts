import { createTenancy, isTenancyError, memoryRegistry } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import { type FaultProxy, type FaultRule, type FreshDatabase, startFaultProxy } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type PgRlsOptions, pgRls, protectTable } from '../src/index.ts'
import { modes, sealedBench } from './sealed-bench.ts'
import { connect, execute, openPool, recorder } from './support.ts'

const registry = memoryRegistry()
const a = registry.add({ id: 'a', slug: 'a', name: 'a' })
const b = registry.add({ id: 'b', slug: 'b', name: 'b' })
const tenancy = createTenancy({ registry, logger: recorder() })

const insert = 'insert into notes (id, body) values ($1, $2)'

// Nobody can know whether a COMMIT took place whose answer is lost. So it is said, and nothing is done a second time.
describePostgres(
  'a lost answer (L7)',
  server => {
    describe.each(['none', ...modes] as const)('seal: %s', seal => {
      let database: FreshDatabase
      let proxy: FaultProxy
      let admin: pg.Client
      let pool: pg.Pool
      let rows: TenantPool
      /** The statements that have arrived at the proxy, in order. */
      const arrived: string[] = []
      let id = 0

      beforeAll(async () => {
        let options: Pick<PgRlsOptions, 'seal' | 'sealKeys' | 'pooler' | 'namedStatements'>
        if (seal === 'none') {
          database = await server.freshDatabase()
          options = { namedStatements: server.namedStatements, pooler: server.bouncer !== undefined }
          await execute(
            database.ownerUrl,
            'create table notes (id int not null, body text)',
            ...protectTable('notes', { runtimeRole: database.runtimeRole }),
          )
        } else ({ database, options } = await sealedBench(server, seal))
        // A second row of the same id is to be seen, not refused.
        admin = await connect(database.adminUrl)
        await admin.query('alter table notes drop constraint if exists notes_pkey')
        proxy = await startFaultProxy({ target: database.runtimeUrl })
        proxy.rule({ on: 'frontend', message: 'Parse', match: note, fault: 'cut' })
        pool = openPool({ runtimeUrl: proxy.url(database.runtimeUrl) }, { max: 1 })
        const isolation = pgRls({ pool, logger: recorder(), ...options })
        await isolation.ready()
        rows = tenancy.handle(isolation)
      })
      /** Leaves the pool with a connection that is known, and nothing noted. */
      async function ready(): Promise<void> {
        await tenancy.run(b, () => rows.query('select 1'))
        arrived.length = 0
        id += 1
      }
      beforeEach(ready)
      afterAll(async () => {
        await pool.end()
        await proxy.close()
        await admin.end()
      })

      function note(bytes: Buffer): false {
        arrived.push(textOf(bytes))
        return false
      }
      const times = (text: string) => arrived.filter(each => each === text).length
      const kept = async (): Promise<number> =>
        (await admin.query('select count(*)::int as count from notes where id = $1', [id])).rows[0].count

      const single = () => tenancy.run(a, () => rows.query(insert, [id, 'x']))
      const transaction = () =>
        tenancy.run(a, async () => {
          const client = await rows.connect()
          try {
            await client.query('begin')
            await client.query(insert, [id, 'x'])
            await client.query('commit')
          } finally {
            client.release()
          }
        })

      const parsing = (text: string) => (bytes: Buffer) => textOf(bytes) === text
      const saying = (tag: string) => (bytes: Buffer) => bytes.subarray(5, -1).toString() === tag
      /** With a proof for one transaction, a single statement gets one, and its COMMIT. */
      const own = seal === 'challenge' ? 1 : 0
      type Where =
        | Omit<Extract<FaultRule, { on: 'backend' }>, 'fault'>
        | Omit<Extract<FaultRule, { on: 'frontend' }>, 'fault'>
      const idle: Where = { on: 'backend', message: 'ReadyForQuery', match: bytes => bytes.at(5) === 73 }
      const done = (tag: string): Where => ({ on: 'backend', message: 'CommandComplete', match: saying(tag) })
      const begun = (text: string): Where => ({ on: 'frontend', message: 'Parse', match: parsing(text) })

      // What was lost, where, how many COMMITs were sent, how often the row is there.
      it.each<[string, () => Promise<unknown>, Where, number, number]>([
        ['a transaction whose COMMIT took place, and whose answer is lost', transaction, done('COMMIT'), 1, 1],
        ['a transaction of whose COMMIT only the answer came, not the end', transaction, idle, 1, 1],
        ['a transaction whose COMMIT is lost itself', transaction, begun('commit'), 1, 0],
        ['a statement that took place, and whose answer is lost', single, done(own ? 'COMMIT' : 'INSERT 0 1'), own, 1],
        ['a statement of which only the answer came, not the end', single, idle, own, 1],
        ['a statement that is lost itself', single, begun(insert), 0, 0],
        ['a statement whose end is lost', single, own ? begun('commit') : { on: 'frontend', message: 'Sync' }, own, 0],
      ])('%s: CONNECTION_LOST, and nothing is sent twice', async (_, work, where, commits, count) => {
        const rule = proxy.rule({ ...where, fault: 'cut' } as FaultRule)
        const error: unknown = await work().catch((thrown: unknown) => thrown)
        expect(rule.struck).toBe(1)
        rule.remove()
        expect(isTenancyError(error) && [error.code, error.status]).toEqual(['CONNECTION_LOST', 503])
        expect([times(insert), times('commit')]).toEqual([1, commits])

        // The next tenant gets another connection, on which nothing of it comes.
        await tenancy.run(b, () => rows.query('select 2'))
        expect([times(insert), times('commit')]).toEqual([1, commits + own])
        expect(await kept()).toBe(count)
      })

      // Behind the pooler its own opening of connections makes this slow, and nothing else.
      if (server.bouncer !== undefined) return
      it.each<[string, () => Promise<unknown>]>([
        ['transaction', transaction],
        ['statement', single],
      ])(
        'a %s that is cut at any message of either side: done once or not at all, and said to be done only where it is',
        async (_, work) => {
          const seen = new Set<string>()
          for (const on of ['frontend', 'backend'] as const) {
            for (let nth = 1, struck = 1; struck > 0; nth++) {
              await ready()
              const rule = proxy.rule({ on, message: 'any', nth, fault: 'cut' })
              const error: unknown = await work().then(
                () => undefined,
                (thrown: unknown) => thrown,
              )
              struck = rule.struck
              rule.remove()
              const outcome = error === undefined ? 'done' : isTenancyError(error) ? error.code : String(error)
              const what = `${on} message ${nth}: ${outcome}`
              expect(times(insert), what).toBeLessThan(2)
              expect(times('commit'), what).toBeLessThan(2)
              seen.add(`${outcome} ${await kept()}`)
            }
          }
          expect([...seen].sort()).toEqual(['CONNECTION_LOST 0', 'CONNECTION_LOST 1', 'done 1'])
        },
        120_000,
      )
    })
  },
  { through: ['direct', 'pgbouncer'] },
)

/** The statement in a Parse message. */
function textOf(bytes: Buffer): string {
  return bytes.toString('utf8', 5).split('\0')[1] ?? ''
}
