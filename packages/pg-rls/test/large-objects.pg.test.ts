import { createTenancy, memoryRegistry } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import type { FreshDatabase } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PgRlsOptions, pgRls } from '../src/index.ts'
import { modes, sealedBench } from './sealed-bench.ts'
import { execute, openPool, recorder, sqlState } from './support.ts'

const registry = memoryRegistry()
const a = registry.add({ id: 'a', slug: 'a', name: 'a' })
const b = registry.add({ id: 'b', slug: 'b', name: 'b' })
const tenancy = createTenancy({ registry, logger: recorder() })

/** What a new server grants to everybody. */
const asNew = `do $$ begin execute (select 'grant execute on function ' || string_agg(oid::regprocedure::text, ', ') || ' to public'
  from pg_proc where proname ~ '^(lo_|loread|lowrite)' and proname !~ 'import|export'); end $$`

// Every way to one; $1 is its number.
const ways = [
  'select lo_get($1)',
  'select lo_get($1, 0, 1)',
  `select lo_put($1, 0, 'x')`,
  'select loread(lo_open($1, 262144), 99)',
  `select lowrite(lo_open($1, 131072), 'x')`,
  'select lo_truncate(lo_open($1, 131072), 0)',
  'select lo_create($1 + 1000)',
  'select lo_creat(-1), $1::oid',
  `select lo_from_bytea($1 + 2000, 'x')`,
  'select lo_unlink($1)',
]

// They have no rows, so that no policy covers them: they belong to the role, which is all tenants' one role.
describePostgres(
  'large objects (R25)',
  server => {
    describe.each(['none', ...modes] as const)('seal: %s', seal => {
      let database: FreshDatabase
      let pool: pg.Pool
      let rows: TenantPool
      let isolation: ReturnType<typeof pgRls>
      let ofA: number

      beforeAll(async () => {
        const { bouncer, namedStatements } = server
        let options: Pick<PgRlsOptions, 'seal' | 'sealKeys' | 'pooler' | 'namedStatements'>
        if (seal === 'none') {
          database = await server.freshDatabase()
          options = { namedStatements, pooler: bouncer !== undefined }
        } else ({ database, options } = await sealedBench(server, seal))
        pool = openPool(database)
        isolation = pgRls({ pool, logger: recorder(), ...options })
        rows = tenancy.handle(isolation)
      })
      afterAll(() => pool.end())

      const read = async (): Promise<unknown> =>
        (await execute(database.adminUrl, `select convert_from(lo_get(${ofA}), 'UTF8') as text`)).rows[0].text

      if (seal === 'none') {
        it('are not reported before there is one, because without a seal any SQL reads all', async () => {
          expect(await isolation.verify()).toEqual([])
        })
      } else {
        it('cannot be made once the seal is installed, which takes the functions from everybody', async () => {
          expect(await isolation.verify()).toEqual([])
          expect(await sqlState(tenancy.run(a, () => rows.query(`select lo_from_bytea(0, 'of a')`)))).toBe('42501')
          await execute(database.adminUrl, asNew)
        })
      }

      it('WHAT IS OPEN on a server as it comes: one tenant reads, changes and removes those of another', async () => {
        const made = await tenancy.run(a, () => rows.query(`select lo_from_bytea(0, 'of a')::int as id`))
        ofA = made.rows[0].id
        await tenancy.run(b, async () => {
          const { rows: seen } = await rows.query(`select convert_from(lo_get($1), 'UTF8') as text`, [ofA])
          expect(seen).toEqual([{ text: 'of a' }])
          const { rows: opened } = await rows.query(
            `select convert_from(loread(lo_open(oid, 262144), 99), 'UTF8') as text from pg_largeobject_metadata`,
          )
          expect(opened).toEqual([{ text: 'of a' }])
          await rows.query(`select lo_put($1, 0, 'by b')`, [ofA])
          expect(await read()).toBe('by b')
          for (const text of ways) expect(await sqlState(rows.query(text, [ofA])), text).toMatch(/^none/)
        })
        expect(await sqlState(tenancy.run(a, () => rows.query('select lo_get($1)', [ofA])))).toBe('42704')
      })

      it('are a finding of verify(), whose statement shuts every way to them, for all tenants', async () => {
        const made = await tenancy.run(a, () => rows.query(`select lo_from_bytea(0, 'of a')::int as id`))
        ofA = made.rows[0].id
        const found = await isolation.verify()
        expect(found.map(({ id, severity }) => `${severity} ${id}`)).toEqual(['warning R25'])
        await isolation.ready()
        for (const { fix } of found) await execute(database.adminUrl, fix)

        for (const tenant of [b, a]) {
          for (const text of ways) {
            expect(await sqlState(tenancy.run(tenant, () => rows.query(text, [ofA]))), text).toBe('42501')
          }
        }
        expect(await read()).toBe('of a')
        expect(await isolation.verify()).toEqual([])
      })
    })
  },
  { through: ['direct', 'pgbouncer'] },
)
