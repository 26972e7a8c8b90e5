import { createTenancy, memoryRegistry, type Tenant } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import type { FreshDatabase } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PgRlsOptions, pgRls, protectTable } from '../src/index.ts'
import { modes, sealedBench } from './sealed-bench.ts'
import { execute, openPool, recorder, sqlState } from './support.ts'

const registry = memoryRegistry()
const a = registry.add({ id: 'a', slug: 'a', name: 'a' })
const b = registry.add({ id: 'b', slug: 'b', name: 'b' })
const tenancy = createTenancy({ registry, logger: recorder() })

// Whatever they are asked about, they tell. They cost nothing, so that the planner asks them as early as it may.
const cheap = 'cost 0.0000001 language plpgsql'
const functions = [
  `create function peek(text) returns boolean ${cheap} as $$ begin raise notice '%', $1; return true; end $$`,
  `create function glance(text) returns boolean immutable parallel safe ${cheap} as $$ begin raise notice '%', $1; return true; end $$`,
  `create function glimpse(text, text) returns boolean stable ${cheap} as $$ begin raise notice '%', $1; return true; end $$`,
  // The estimator asks the function of an operator about the most common values, which are those of all tenants.
  'create operator ~~~~ (leftarg = text, rightarg = text, function = glimpse, restrict = contsel)',
  'create operator <<<< (leftarg = text, rightarg = text, function = glimpse, restrict = eqsel, join = eqjoinsel)',
  'create view seen with (security_invoker) as select * from notes where peek(body)',
]

const nosy = [
  'select id from notes where peek(body)',
  'select id from notes where peek(body) and id > 0',
  'select id from notes where id < 0 or peek(body)',
  'select id from notes where glance(body)',
  `select id from notes where body ~~~~ 'x'`,
  `select id from notes where body <<<< 'x'`,
  'select n.id from notes n join notes o on n.body <<<< o.body',
  'select n.id, o.body from notes n left join notes o on peek(o.body) and o.id = n.id',
  `select id from notes where tenant_id = 'b' or peek(body)`,
  'select id from (select * from notes offset 0) s where peek(body)',
  'select id from notes where case when peek(body) then true else false end',
  'select n.id from notes n where exists (select from notes o where peek(o.body) and o.id = n.id)',
  'select n.id from notes n, lateral (select body from notes o where glance(o.body) and o.id = n.id offset 0) l',
  'select count(*) from notes group by id, body having peek(body)',
  'select id from notes order by peek(body)',
  'select id from only notes tablesample bernoulli (100) where peek(body)',
  'select id from notes where peek(body) for update',
  'select id from seen',
  'with n as materialized (select * from notes where peek(body)) select * from n',
  'explain (analyze, verbose) select id from notes where peek(body)',
  'update notes set body = body where peek(body)',
  'update notes n set body = n.body from notes o where peek(o.body) and n.id = o.id',
  'delete from notes where peek(body) and id + 0 = -1',
  'insert into notes (id, body) select id, body from notes where peek(body) on conflict do nothing',
  'insert into notes (id, body) select id, body from notes on conflict (tenant_id, id) do update set body = excluded.body where peek(notes.body)',
  'merge into notes n using notes o on n.id = o.id and peek(o.body) when matched then update set body = o.body',
]

/** Which fail for one row, and whose failure tells that there is such a row, or what stands in it. */
const failing = [
  ['22012', 'select id from notes where 1 / (id - 7777) <> 5'],
  ['22012', 'select count(*) filter (where 1 / (id - 7777) = 0) from notes'],
  ['22012', 'update notes set body = body where 1 / (id - 7777) <> 5'],
  ['22P02', 'select id from notes where body::int > 0'],
  ['22P02', 'select n.id from notes n join notes o on n.body::int = o.body::int'],
  ['22003', 'select id from notes where id + 2147480000 > 0'],
] as const

describePostgres('functions that tell what they are asked about (R31)', server => {
  describe.each(['none', ...modes] as const)('seal: %s', seal => {
    let database: FreshDatabase
    let pool: pg.Pool
    let rows: TenantPool
    let isolation: ReturnType<typeof pgRls>
    const own = (tenant: Tenant, count: number) =>
      Array.from({ length: count }, (_, at) => `${at + 1}${tenant === b ? ' OF B' : ''}`)
    const bodies = { a: own(a, 30), b: own(b, 30) }

    beforeAll(async () => {
      let options: Pick<PgRlsOptions, 'seal' | 'sealKeys' | 'pooler' | 'namedStatements'> = {}
      if (seal === 'none') {
        database = await server.freshDatabase()
        await execute(
          database.ownerUrl,
          'create table notes (id int not null, body text)',
          ...protectTable('notes', { runtimeRole: database.runtimeRole, index: false }),
          'alter table notes add primary key (tenant_id, id)',
        )
      } else ({ database, options } = await sealedBench(server, seal))
      await execute(database.ownerUrl, ...functions, `grant select on seen to ${database.runtimeRole}`)
      await execute(
        database.adminUrl,
        // Each body several times, so that there are most common values.
        `insert into notes (tenant_id, id, body) select 'a', 100 * n + m, n::text from generate_series(1, 30) n, generate_series(1, 3) m`,
        `insert into notes (tenant_id, id, body) select 'b', 7700 + 30 * m + n, n || ' OF B' from generate_series(1, 30) n, generate_series(1, 3) m`,
        'analyze notes',
      )
      pool = openPool(database, { max: 1 })
      isolation = pgRls({ pool, logger: recorder(), ...options })
      rows = tenancy.handle(isolation)
    })
    afterAll(() => pool.end())

    /** What a statement makes the functions tell, read by the index and without it; undone. */
    async function told(tenant: Tenant, text: string): Promise<Set<string>> {
      const heard = new Set<string>()
      await tenancy.run(tenant, async () => {
        const client = await rows.connect()
        client.on('notice', ({ message }: { message: string }) => heard.add(message))
        for (const scan of ['on', 'off']) {
          await client.query('begin')
          for (const kind of ['indexscan', 'bitmapscan', 'indexonlyscan'])
            await client.query(`set local enable_${kind} = ${scan}`)
          await client.query(text)
          await client.query('rollback')
        }
        client.release()
      })
      return heard
    }

    it.each(nosy)('asked by a statement, tell its own rows, all of them and no other: %s', async text => {
      expect([...(await told(a, text))].sort()).toEqual([...bodies.a].sort())
    })

    it.each(failing)('%s is told by nobody but whose row it is: %s', async (state, text) => {
      expect(await sqlState(tenancy.run(a, () => rows.query(text)))).toMatch(/^none/)
      expect(await sqlState(tenancy.run(b, () => rows.query(text)))).toBe(state)
    })

    it('WHAT LEAKPROOF OPENS: the function is asked about every row; verify() finds it, and its statement shuts it', async () => {
      const [text = ''] = nosy
      expect((await told(a, text)).has('7 OF B')).toBe(false)
      await execute(database.adminUrl, 'alter function peek(text) leakproof')
      expect((await told(a, text)).has('7 OF B')).toBe(true)
      const found = await isolation.verify()
      expect(found.map(({ id, object }) => `${id} ${object}`)).toEqual(['R31 function public.peek(text)'])
      for (const { fix } of found) await execute(database.adminUrl, fix)
      expect((await told(a, text)).has('7 OF B')).toBe(false)
    })
  })
})
