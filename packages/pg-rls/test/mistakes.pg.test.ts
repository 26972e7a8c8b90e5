import type { FreshDatabase } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { pgRls, protectTable } from '../src/index.ts'
import { execute, openPool, recorder, refusal, sqlState, threeTenants } from './support.ts'

const { tenancy, a, b } = await threeTenants()

// What an application gets wrong without meaning to. Every case leaves b's row alone and unseen.
describePostgres('mistakes of an application', server => {
  let database: FreshDatabase
  let pool: pg.Pool
  let rows: ReturnType<ReturnType<typeof pgRls>['handle']>
  const asA = <T>(fn: () => T): T => tenancy.run(a, fn)

  beforeAll(async () => {
    database = await server.freshDatabase()
    const role = database.runtimeRole
    await execute(
      database.ownerUrl,
      'create table notes (id int, body text)',
      ...protectTable('notes', { runtimeRole: role, index: false }),
      'alter table notes add primary key (tenant_id, id)',
      'create table audit (body text)',
      ...protectTable('audit', { runtimeRole: role }),
      `create function note_bodies() returns setof text language sql as 'select body from public.notes'`,
      `create function write_note(whose text, what text) returns void language plpgsql as
       $$ begin insert into public.notes (tenant_id, id, body) values (whose, 9, what); end $$`,
      `create function audit() returns trigger language plpgsql as
       $$ begin insert into public.audit (tenant_id, body) values (case when new.body = 'of a' then 'a' else new.body end, 'x'); return new; end $$`,
      'create trigger audit after update on notes for each row execute function audit()',
      // R34: runs at COMMIT, when the statement is long over.
      `create function late() returns trigger language plpgsql as
       $$ begin insert into public.audit (body) select 'late ' || count(*) from public.tasks; return null; end $$`,
      'create table tasks (id int)',
      ...protectTable('tasks', { runtimeRole: role }),
      'create constraint trigger late after insert on tasks deferrable initially deferred for each row execute function late()',
      'create view seen with (security_invoker = true) as select * from notes',
      `grant select, update on seen to ${role}`,
    )
    // One connection, so that each tenant meets what the other left on it.
    pool = openPool(database, { max: 1 })
    rows = tenancy.handle(pgRls({ pool, logger: recorder() }))
  })
  beforeEach(async () => {
    await execute(
      database.adminUrl,
      'delete from notes',
      `insert into notes (tenant_id, id, body) values ('a', 1, 'of a'), ('b', 1, 'of b'), ('b', 2, 'of b')`,
    )
  })
  afterAll(() => pool.end())

  const theirs = async () =>
    (await execute(database.adminUrl, `select id, body from notes where tenant_id = 'b' order by id`)).rows

  it.each([
    'select * from notes',
    `select * from notes where tenant_id = 'b' or true`,
    'select n.* from notes n left join notes o on n.tenant_id <> o.tenant_id',
    'select n.* from notes n cross join lateral (select * from notes) o',
    'select * from notes union all select * from notes where false',
    'with x as (select * from notes) select * from x',
    'with recursive x as (select * from notes union select n.* from notes n join x on true) select * from x',
    'with gone as (delete from notes returning *) select * from gone',
    `with changed as (update notes set id = id + 10 where tenant_id in ('a', 'b') returning *) select * from changed`,
    'delete from notes using notes o where o.tenant_id is not null returning notes.*',
    'update notes set id = o.id + 20 from notes o returning notes.*',
    'select * from notes for update',
    'select * from only notes tablesample bernoulli (100)',
    'select * from seen',
    'table notes',
    'select tenant_id, body from notes group by grouping sets ((tenant_id, body))',
    `select 'a' as tenant_id, b as body from note_bodies() b`,
    'update seen set id = 7 returning *',
  ])('%s', async text => {
    const { rows: seen } = await asA(() => rows.query<{ tenant_id: string; body: string }>(text))
    expect(seen.map(({ tenant_id, body }) => [tenant_id, body])).toEqual([['a', 'of a']])
    expect(await theirs()).toEqual([
      { id: 1, body: 'of b' },
      { id: 2, body: 'of b' },
    ])
  })

  it.each([
    [`insert into notes (tenant_id, id, body) select 'b', 3, body from notes`],
    [`with x as (insert into notes (tenant_id, id) values ('b', 3) returning *) select * from x`],
    [`insert into notes (tenant_id, id) values ('b', 1) on conflict (tenant_id, id) do update set body = 'x'`],
    [`insert into notes (tenant_id, id) values ('b', 1) on conflict do nothing`],
    [`select write_note('b', 'x')`],
    [`update notes set body = 'b'`], // the trigger writes the audit row of b
    [`update seen set tenant_id = 'b'`],
    ['truncate notes'],
    ['select * into temporary report from notes'],
    ['create table report as select * from notes'],
    ['create materialized view report as select * from notes'],
  ])('refused by the server: %s', async text => {
    expect(await asA(() => sqlState(rows.query(text)))).toBe('42501')
    expect(await theirs()).toEqual([
      { id: 1, body: 'of b' },
      { id: 2, body: 'of b' },
    ])
  })

  it.each([
    'copy notes to stdout',
    `set tenantry.tenant_id = 'b'`,
    `set local "tenantry"."tenant_id" = 'b'`,
    'create temporary table notes (body text)',
    'create table pg_temp.report as select * from notes',
    'declare x cursor with hold for select * from notes',
    'prepare x as select * from notes',
    'begin',
    'reset all',
    'discard all',
  ])('refused before it is sent: %s', async text => {
    expect(await asA(() => refusal(() => rows.query(text)))).toBe('STATEMENT_REFUSED')
  })

  it('R34 a deferred trigger runs as the tenant, of a single statement and of a transaction', async () => {
    await execute(database.adminUrl, 'truncate audit')
    await asA(() => rows.query('insert into tasks values (1)'))
    await tenancy.run(b, async () => {
      const client = await rows.connect()
      await client.query('begin')
      await client.query('insert into tasks select generate_series(1, 2)')
      await client.query('commit')
      client.release()
    })
    expect((await execute(database.adminUrl, 'select tenant_id, body from audit order by 1')).rows).toEqual([
      { tenant_id: 'a', body: 'late 1' },
      { tenant_id: 'b', body: 'late 2' },
      { tenant_id: 'b', body: 'late 2' },
    ])
  })

  it('a prepared statement of one tenant is used by the next on the same connection', async () => {
    const text = 'select body from notes where id = $1'
    for (const tenant of [a, b, a, b, a, b, a, b]) {
      const { rows: seen } = await tenancy.run(tenant, () => rows.query({ name: 'by id', text, values: [1] }))
      expect(seen).toEqual([{ body: `of ${tenant.id}` }])
    }
  })

  it('a cursor reads as the tenant of its transaction, and is gone with it', async () => {
    await asA(async () => {
      const client = await rows.connect()
      await client.query('begin')
      await client.query('declare every scroll cursor for select body from notes order by id')
      expect((await client.query('fetch all from every')).rows).toEqual([{ body: 'of a' }])
      await client.query('commit')
      client.release()
    })
    expect(await tenancy.run(b, () => sqlState(rows.query('fetch first from every')))).toBe('34000')
  })

  it('a lease that is kept, or passed to another unit of work, sends nothing', async () => {
    const client = await asA(() => rows.connect())
    expect(await tenancy.run(b, () => refusal(() => client.query('select * from notes')))).toBe('SCOPE_MISMATCH')
    expect(await refusal(() => client.query('select * from notes'))).toBe('TENANT_CONTEXT_MISSING')
    asA(() => client.release())
    expect(await asA(() => refusal(() => client.query('select * from notes')))).toBe('SCOPE_CLOSED')
  })

  it('a transaction that is left open is not there for the next tenant', async () => {
    await asA(async () => {
      const client = await rows.connect()
      await client.query('begin')
      await client.query('delete from notes')
      client.release()
    })
    const { rows: seen } = await tenancy.run(b, () => rows.query('select body, id from notes order by id'))
    expect(seen).toEqual([
      { body: 'of b', id: 1 },
      { body: 'of b', id: 2 },
    ])
    expect((await asA(() => rows.query('select body from notes'))).rows).toEqual([{ body: 'of a' }])
  })
})
