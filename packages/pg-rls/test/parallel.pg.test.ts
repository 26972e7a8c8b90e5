import { createTenancy, memoryRegistry, type Tenant } from '@tenantry/core'
import { quoteIdentifier, type TenantPool } from '@tenantry/pg'
import type { FreshDatabase } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pgRls, protectTable } from '../src/index.ts'
import { claim, modes, type SealedBench, sealedBench, tokenFor } from './sealed-bench.ts'
import { connect, execute, openPool, recorder, sqlState } from './support.ts'

const registry = memoryRegistry()
const a = registry.add({ id: 'a', slug: 'a', name: 'a' })
const b = registry.add({ id: 'b', slug: 'b', name: 'b' })
const c = registry.add({ id: 'c', slug: 'c', name: 'c' })
const tenancy = createTenancy({ registry, logger: recorder() })

/** Settings under which the planner gives to parallel workers whatever it may, and the leader reads no table itself. */
const eager = {
  max_parallel_workers_per_gather: '2',
  min_parallel_table_scan_size: '0',
  min_parallel_index_scan_size: '0',
  parallel_setup_cost: '0',
  parallel_tuple_cost: '0',
  parallel_leader_participation: 'off',
}

const queries = [
  'select id, body from notes order by id',
  'select count(*), sum(id), min(body), max(body) from notes',
  `select id from notes where body like '%7%' order by id`,
  'select id % 7 as rest, count(*) from notes group by rest order by rest',
  'select count(*) from notes n join notes o using (body)',
  'select count(*) from notes n left join notes o on n.id = o.id + 1 where o.id is null',
  'select n.id from notes n where exists (select from notes o where o.id = n.id + 1) order by n.id',
  'select (select count(*) from notes) as all, count(*) from notes where id < 100',
  'select id from notes where id < 50 union all select id from notes where id > 2950 order by id',
  'with n as materialized (select * from notes) select count(*) from n where id > 10',
  'select distinct body from notes order by body limit 20',
]

interface Plan {
  readonly 'Node Type': string
  readonly 'Workers Launched'?: number
  readonly Plans?: readonly Plan[]
}

const nodesOf = (plan: Plan): readonly Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]

// The proof is that of the leader: a worker is another process, with another pid. The policies' sub-select is evaluated by the
// leader, which hands the tenant down.
describePostgres('parallel plans (R35)', server => {
  describe.each(['none', ...modes] as const)('seal: %s', seal => {
    let database: FreshDatabase
    let bench: SealedBench | undefined
    let pool: pg.Pool
    let rows: TenantPool
    let admin: pg.Client

    beforeAll(async () => {
      if (seal === 'none') {
        database = await server.freshDatabase()
        await execute(
          database.ownerUrl,
          'create table notes (id int not null, body text)',
          ...protectTable('notes', { runtimeRole: database.runtimeRole }),
        )
      } else {
        bench = await sealedBench(server, seal)
        database = bench.database
      }
      admin = await connect(database.adminUrl)
      // What the index finds of one tenant may be too little to be split.
      for (const [name, value] of Object.entries({ ...eager, enable_indexscan: 'off', enable_bitmapscan: 'off' }))
        await admin.query(`alter database ${quoteIdentifier(database.name)} set ${name} = ${value}`)
      for (const [tenant, count] of Object.entries({ a: 3000, b: 2000, c: 1 }))
        await admin.query(
          `insert into notes (tenant_id, id, body) select $1, n, $1 || n % 100 from generate_series(1, $2::int) n`,
          [tenant, count],
        )
      await admin.query('analyze notes')
      pool = openPool(database, { max: 2 })
      rows = tenancy.handle(pgRls({ pool, logger: recorder(), ...bench?.options }))
    })
    afterAll(async () => {
      await admin.end()
      await pool.end()
    })

    /** The same query over a table that has this tenant's rows only. */
    async function expected(tenant: Tenant, text: string): Promise<unknown[]> {
      await admin.query('begin')
      await admin.query('create temporary table notes as select id, body from public.notes limit 0')
      await admin.query('insert into pg_temp.notes select id, body from public.notes where tenant_id = $1', [tenant.id])
      const { rows: own } = await admin.query(text)
      await admin.query('rollback')
      return own
    }

    type Ask = (text: string) => Promise<pg.QueryResult>

    /** Fails unless workers have run the query. Those of the whole server may be at work elsewhere for a moment. */
    async function expectWorkers(ask: Ask, text: string): Promise<void> {
      for (;;) {
        const { rows: lines } = await ask(`explain (analyze, costs off, timing off, format json) ${text}`)
        const plan = lines[0]['QUERY PLAN'][0].Plan as Plan
        const gathers = nodesOf(plan).filter(node => /^Gather/.test(node['Node Type']))
        expect(gathers.length, text).toBeGreaterThan(0)
        if (gathers.every(node => (node['Workers Launched'] ?? 0) > 0)) return
      }
    }

    it.each(queries)('show each tenant its own rows, of a statement and of a transaction: %s', async text => {
      for (const tenant of [a, b, a, c]) {
        const own = await expected(tenant, text)
        await tenancy.run(tenant, async () => {
          await expectWorkers(rows.query, text)
          expect((await rows.query(text)).rows).toEqual(own)
          const client = await rows.connect()
          await client.query('begin')
          await expectWorkers(client.query, text)
          expect((await client.query(text)).rows).toEqual(own)
          await client.query('commit')
          client.release()
        })
      }
    })

    it('of a prepared statement that keeps one plan: A, B, A, B', async () => {
      await admin.query(`alter database ${quoteIdentifier(database.name)} set plan_cache_mode = force_generic_plan`)
      const again = openPool(database, { max: 1 })
      try {
        const one = tenancy.handle(pgRls({ pool: again, logger: recorder(), ...bench?.options }))
        const query = {
          name: 'counted',
          text: 'select count(*)::int as count, min(body) as body from notes where id > $1',
          values: [1],
        }
        for (const [tenant, count] of [
          [a, 2999],
          [b, 1999],
          [a, 2999],
          [b, 1999],
          [c, 0],
        ] as const) {
          const { rows: found } = await tenancy.run(tenant, () => one.query(query))
          expect(found).toEqual([{ count, body: count === 0 ? null : `${tenant.id}0` }])
        }
      } finally {
        await again.end()
        await admin.query(`alter database ${quoteIdentifier(database.name)} reset plan_cache_mode`)
      }
    })

    it('without a tenant: no row, by workers either', async () => {
      const client = await connect(database.runtimeUrl)
      try {
        const count = 'select count(*)::int as count from notes'
        await expectWorkers(text => client.query(text), count)
        expect((await client.query(count)).rows).toEqual([{ count: 0 }])
      } finally {
        await client.end()
      }
    })

    if (seal !== 'none') {
      it('with a tenant that nothing proves, or the proof of another: refused (42501)', async () => {
        const client = await connect(database.runtimeUrl)
        try {
          for (const forged of [false, true]) {
            await client.query('begin')
            const token = forged && bench !== undefined ? await tokenFor(client, seal, bench.key, 'a') : ''
            await claim(client, 'b', token)
            expect(await sqlState(client.query('select count(*) from notes'))).toBe('42501')
            await client.query('rollback')
          }
        } finally {
          await client.end()
        }
      })
    }
  })
})
