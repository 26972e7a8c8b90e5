import { randomBytes } from 'node:crypto'
import { createTenancy, memoryRegistry, type Tenant } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import { type FreshDatabase, startFaultProxy } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PgRlsOptions, pgRls, protectTable } from '../src/index.ts'
import { modes, sealedBench } from './sealed-bench.ts'
import { connect, execute, openPool, recorder, sqlState } from './support.ts'

const word = (what: string) => `${what}-${randomBytes(6).toString('base64url').replaceAll(/[-_]/g, 'x')}`
const registry = memoryRegistry()
const tenants = Array.from({ length: 6 }, () =>
  registry.add({ id: word('tenant'), slug: word('t').toLowerCase(), name: 'T' }),
)
const tenancy = createTenancy({ registry, logger: recorder() })
/** What each tenant binds and nobody else is to read. */
const secrets = new Map(tenants.map(({ id }) => [id, word('secret')]))

const insert = 'insert into notes (id, body) values ($1, $2) on conflict do nothing'
const select = `select current_setting('tenantry.seal', true) as token, body from notes where body = $1`
const wrong = 'select $1::int as number'

// All sessions are of one role, and whoever is of a role sees in pg_stat_activity what its other sessions run.
describePostgres(
  'what sessions of one role see of each other (R28)',
  server => {
    describe.each(['none', ...modes] as const)('seal: %s', seal => {
      let database: FreshDatabase
      let options: Pick<PgRlsOptions, 'seal' | 'sealKeys' | 'pooler' | 'namedStatements'>
      let pool: pg.Pool
      let rows: TenantPool
      const watchers: { readonly as: string; readonly client: pg.Client; readonly seen: Set<string> }[] = []

      beforeAll(async () => {
        if (seal === 'none') {
          database = await server.freshDatabase()
          options = { namedStatements: server.namedStatements, pooler: server.bouncer !== undefined }
          await execute(
            database.ownerUrl,
            'create table notes (id int not null, body text)',
            ...protectTable('notes', { runtimeRole: database.runtimeRole }),
          )
        } else ({ database, options } = await sealedBench(server, seal))
        pool = openPool(database, { max: 4 })
        rows = tenancy.handle(pgRls({ pool, logger: recorder(), ...options }))
        for (const [as, url] of [
          ['superuser', database.adminUrl],
          ['runtime role', database.runtimeUrl],
        ] as const)
          watchers.push({ as, client: await connect(url), seen: new Set() })
      })
      afterAll(async () => {
        for (const { client } of watchers) await client.end()
        await pool.end()
      })

      /** The texts that others of the role run, or ran last; of all of them, or of those with a name. */
      async function look({ client, seen }: (typeof watchers)[number], name = '%'): Promise<readonly string[]> {
        const { rows: found } = await client.query<{ query: string }>(
          `select query from pg_stat_activity where usename = $1 and datname = $2 and application_name like $3
              and pid <> pg_backend_pid() and query not like '%pg_stat_activity%'`,
          [database.runtimeRole, database.name, name],
        )
        const texts = found.map(({ query }) => query)
        for (const text of texts) seen.add(text)
        return texts
      }

      /** One tenant's work, every value bound; gives the proofs that it went with. */
      async function work(tenant: Tenant, turn: number, on = rows): Promise<readonly string[]> {
        const secret = secrets.get(tenant.id)
        return tenancy.run(tenant, async () => {
          await on.query(insert, [turn, secret])
          const { rows: single } = await on.query<{ token: string; body: string }>(select, [secret])
          expect(single[0]?.body).toBe(secret)
          const client = await on.connect()
          await client.query('begin')
          await client.query(insert, [turn, secret])
          const { rows: inside } = await client.query<{ token: string }>(select, [secret])
          await client.query(turn % 2 === 0 ? 'commit' : 'rollback')
          client.release()
          return [single[0]?.token ?? '', inside[0]?.token ?? ''].filter(token => token !== '')
        })
      }

      /** Nothing that was bound, no proof, and the tenant only where there is no other way to say it. */
      function expectBare(as: string, query: string, tokens: Iterable<string>): void {
        for (const value of secrets.values()) expect(query, as).not.toContain(value)
        for (const token of tokens)
          for (const part of [token.slice(0, 24), token.slice(-64, -32), token.slice(-32)])
            expect(query, as).not.toContain(part)
        expect(query, as).not.toMatch(/[0-9a-f]{24}/i)
        const named = tenants.filter(({ id }) => query.includes(id))
        // Behind BEGIN a statement with parameters would take a snapshot, before the isolation level can be set.
        if (seal === 'none' && named[0] !== undefined)
          expect(query, as).toBe(`set local "tenantry"."tenant_id" = '${named[0].id}'`)
        else expect(named, query).toEqual([])
      }

      it('under load: no bound value, no proof, and no tenant but where nothing seals it', async () => {
        const tokens: string[] = []
        let turn = 0
        const enough = () => turn > 200 && watchers.every(({ seen }) => seen.size > 3)
        const workers = tenants.map(async tenant => {
          while (!enough()) {
            tokens.push(...(await work(tenant, turn++)))
            expect(await sqlState(tenancy.run(tenant, () => rows.query(wrong, [secrets.get(tenant.id)])))).toBe('22P02')
          }
        })
        const watching = watchers.map(async watcher => {
          while (!enough()) await look(watcher)
        })
        await Promise.all([...workers, ...watching])
        // A stamp is used again for half a second, so that there are fewer of them than statements.
        expect(new Set(tokens).size).toBeGreaterThanOrEqual({ none: 0, challenge: 100, stamp: tenants.length }[seal])
        for (const { as, seen } of watchers) for (const query of seen) expectBare(as, query, tokens)
      }, 90_000)

      // Of the sessions of a pooler nobody knows which one serves.
      if (server.bouncer === undefined) {
        it('stopped at every message, so that none is missed: what is seen is the text with its parameters', async () => {
          const [tenant] = tenants as [Tenant]
          const proxy = await startFaultProxy({ target: database.runtimeUrl })
          const own = openPool({ runtimeUrl: proxy.url(database.runtimeUrl) }, { max: 1, application_name: 'stopped' })
          try {
            const through = tenancy.handle(pgRls({ pool: own, logger: recorder(), ...options }))
            await work(tenant, 0, through)
            // On the next connection everything is said again.
            const first = await own.connect()
            first.release(true)
            const told = statementsTold()
            proxy.rule({ on: 'frontend', message: 'any', match: told.note, fault: 'cut' })
            const stop = () => proxy.rule({ on: 'frontend', message: 'any', nth: 1, fault: 'hold' })

            const seen = new Set<string>()
            let rule = stop()
            const working = work(tenant, 1, through)
            while (await Promise.race([rule.reached.then(() => true), working.then(() => false)])) {
              const text = told.before()
              for (const watcher of text === undefined ? [] : watchers) {
                while (!(await look(watcher, 'stopped')).includes(text as string));
                seen.add(text as string)
              }
              const next = stop()
              rule.remove()
              rule = next
            }
            rule.remove()
            const tokens = await working
            expect(tokens).toHaveLength(seal === 'none' ? 0 : 2)
            for (const query of seen) expectBare('both', query, tokens)

            const ours = [/^select where pg_catalog\.set_config\(/, /^select pg_catalog\.encode\(.*pg_backend_pid\(/]
            const named = [...seen].map(query => ['scope', 'question'][ours.findIndex(one => one.test(query))] ?? query)
            const more = {
              none: [`set local "tenantry"."tenant_id" = '${tenant.id}'`],
              challenge: ['question', 'commit'],
              stamp: ['question'],
            }
            const all = [insert, select, 'begin', 'rollback', 'discard sequences', 'scope', ...more[seal]]
            expect(named.sort()).toEqual(all.sort())
          } finally {
            await own.end()
            await proxy.close()
          }
        }, 90_000)
      }

      it('WHAT IS OPEN: a value that the application writes into its text is seen by every session of the role', async () => {
        const [tenant] = tenants as [Tenant]
        const text = `select '${word('literal')}'`
        await tenancy.run(tenant, async () => {
          const client = await rows.connect()
          await client.query('begin')
          await client.query(text)
          for (const watcher of watchers) expect(await look(watcher), watcher.as).toContain(text)
          await client.query('rollback')
          client.release()
        })
      })
    })
  },
  { through: ['direct', 'pgbouncer'] },
)

/** Reads along what a client sends: which statement the server was told of in front of the message that is on its way. */
function statementsTold() {
  const texts = new Map<string, string>()
  let before: string | undefined
  let now: string | undefined
  return {
    before: () => before,
    note(bytes: Buffer): false {
      before = now
      const [first = '', second = ''] = bytes.toString('utf8', 5).split('\0')
      const type = String.fromCharCode(bytes[0] ?? 0)
      if (type === 'Q') now = first
      if (type === 'P') texts.set(first, second)
      if (type === 'P') now = second
      if (type === 'B') now = texts.get(second)
      return false
    },
  }
}
