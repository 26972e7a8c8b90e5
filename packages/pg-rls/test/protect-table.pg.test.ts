import { randomUUID } from 'node:crypto'
import type { FreshDatabase } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ProtectOptions, protectTable, unprotectTable } from '../src/index.ts'
import { as, connect, execute, expectCount, sqlState } from './support.ts'

describe('protectTable refuses before any DDL', () => {
  const long = 'ä'.repeat(32)
  it.each<[string, string, ProtectOptions]>([
    ['a table name of 64 bytes', long, {}],
    ['a schema name of 64 bytes', 'notes', { schema: long }],
    ['a column name of 64 bytes', 'notes', { column: long }],
    ['a role name of 64 bytes', 'notes', { runtimeRole: long }],
    ['an empty table name', '', {}],
  ])('%s', (_, table, options) => {
    expect(() => protectTable(table, options)).toThrow(expect.objectContaining({ code: 'IDENTIFIER_INVALID' }))
  })
  it.each<[string, ProtectOptions]>([
    ['a setting without a prefix', { setting: 'tenant' }],
    ['a setting with a quote', { setting: "app.x', true) or true --" }],
    ['a type that is neither text nor uuid', { type: 'int' as 'text' }],
  ])('%s', (_, options) => {
    expect(() => protectTable('notes', options)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
  })
  it('a name too long to take row security off', () => {
    expect(() => unprotectTable(long)).toThrow(expect.objectContaining({ code: 'IDENTIFIER_INVALID' }))
  })
})

describePostgres('protectTable', server => {
  let database: FreshDatabase
  let app: pg.Client
  let owner: pg.Client

  beforeAll(async () => {
    database = await server.freshDatabase()
    app = await connect(database.runtimeUrl)
    owner = await connect(database.ownerUrl)
    await make('create table notes (id int generated always as identity, body text)', 'notes', { index: false })
    await owner.query('alter table notes add primary key (tenant_id, id)')
  })
  afterAll(async () => {
    await app.end()
    await owner.end()
  })

  async function make(create: string, table: string, options: ProtectOptions = {}): Promise<void> {
    await owner.query(create)
    for (const statement of protectTable(table, { runtimeRole: database.runtimeRole, ...options })) {
      await owner.query(statement)
    }
  }
  const bodies = async (client: pg.Client, from = 'notes') =>
    (await client.query<{ body: string }>(`select body from ${from} order by body`)).rows.map(({ body }) => body)
  /** Empties notes, and gives a and b a row each. */
  async function seed(): Promise<void> {
    for (const tenant of ['a', 'b']) {
      await as(app, tenant, async () => {
        await app.query('delete from notes')
        await app.query('insert into notes (body) values ($1)', [`of ${tenant}`])
      })
    }
  }

  it('A14 the tenant column is filled from the context', async () => {
    await seed()
    expectCount(await execute(database.adminUrl, `select count(*) from notes where body = 'of ' || tenant_id`), 2)
  })

  it('A14 R7 a row for another tenant is refused: insert, update, upsert, move, insert from select', async () => {
    await seed()
    const attempts = [
      `insert into notes (tenant_id, body) values ('b', 'x')`,
      `insert into notes (tenant_id, body) select 'b', body from notes`,
      `update notes set tenant_id = 'b'`,
      `update notes set tenant_id = 'b' where body = 'of a' returning *`,
      `with moved as (update notes set tenant_id = 'b' returning *) select * from moved`,
      `insert into notes (tenant_id, id, body) overriding system value select 'a', id, 'x' from notes
       on conflict (tenant_id, id) do update set tenant_id = 'b'`,
    ]
    for (const attempt of attempts) {
      expect(await sqlState(as(app, 'a', () => app.query(attempt))), attempt).toBe('42501')
    }
    expect(await as(app, 'b', () => bodies(app))).toEqual(['of b'])
    expect(await as(app, 'a', () => bodies(app))).toEqual(['of a'])
  })

  it('R1 FORCE: the owner is under the policies too', async () => {
    await seed()
    expect(await bodies(owner)).toEqual([])
    expect(await as(owner, 'a', () => bodies(owner))).toEqual(['of a'])
    expect(await sqlState(as(owner, 'a', () => owner.query(`insert into notes (tenant_id) values ('b')`)))).toBe(
      '42501',
    )
  })

  it('R8 a second permissive policy does not open the table', async () => {
    await seed()
    await owner.query('create policy careless on notes using (true) with check (true)')
    expect(await as(app, 'a', () => bodies(app))).toEqual(['of a'])
    expect(await sqlState(as(app, 'a', () => app.query(`insert into notes (tenant_id) values ('b')`)))).toBe('42501')
    expect(await bodies(app)).toEqual([])
    await owner.query('drop policy careless on notes')
  })

  it('R8 the restrictive policy alone shows nothing', async () => {
    await make('create table bare (body text)', 'bare')
    await as(app, 'a', () => app.query(`insert into bare values ('of a')`))
    await owner.query('drop policy tenantry_gate on bare')
    expect(await as(app, 'a', () => bodies(app, 'bare'))).toEqual([])
  })

  it('R9 without a tenant nothing is seen: fresh connection, empty setting, reused connection', async () => {
    await seed()
    const fresh = await connect(database.runtimeUrl)
    try {
      expect(await bodies(fresh)).toEqual([])
      expect(await as(fresh, '', () => bodies(fresh))).toEqual([])
      expect(await as(fresh, 'a', () => bodies(fresh))).toEqual(['of a'])
      expect((await fresh.query(`select current_setting('tenantry.tenant_id') as setting`)).rows).toEqual([
        { setting: '' },
      ])
      expect(await bodies(fresh)).toEqual([])
      expect(await sqlState(fresh.query(`insert into notes (body) values ('x')`))).toMatch(/^(42501|23502)$/)
    } finally {
      await fresh.end()
    }
  })

  it('R9 no row is without a tenant: null and empty are refused', async () => {
    expect(await sqlState(execute(database.adminUrl, 'insert into notes (tenant_id) values (null)'))).toBe('23502')
    expect(await sqlState(execute(database.adminUrl, `insert into notes (tenant_id) values ('')`))).toBe('23514')
  })

  it('R14 a generic plan is not kept for another tenant', async () => {
    await seed()
    const client = await connect(database.runtimeUrl)
    try {
      await client.query('set plan_cache_mode = force_generic_plan')
      const ask = async () =>
        (await client.query<{ body: string }>({ name: 'all', text: 'select body from notes' })).rows.map(r => r.body)
      for (const tenant of ['a', 'b', 'a', 'b']) expect(await as(client, tenant, ask)).toEqual([`of ${tenant}`])
      expect(await ask()).toEqual([])
    } finally {
      await client.end()
    }
  })

  it('R16 MERGE stays with the tenant', async () => {
    await seed()
    const merge = `merge into notes using (values ('of a'), ('of b')) v(body) on notes.body = v.body
      when matched then update set body = 'merged' when not matched then insert (body) values ('new')`
    await as(app, 'a', () => app.query(merge))
    expect(await as(app, 'a', () => bodies(app))).toEqual(['merged', 'new'])
    expect(await as(app, 'b', () => bodies(app))).toEqual(['of b'])
    const move = `merge into notes using (select 1) v on true when matched then update set tenant_id = 'b'`
    expect(await sqlState(as(app, 'a', () => app.query(move)))).toBe('42501')
  })

  it('R19 a foreign key with the tenant: no reference to, and no cascade into, another tenant', async () => {
    await make('create table parents (id int)', 'parents', { index: false })
    await owner.query('alter table parents add primary key (tenant_id, id)')
    await make('create table children (parent int)', 'children')
    await owner.query(
      'alter table children add foreign key (tenant_id, parent) references parents (tenant_id, id) on delete cascade',
    )
    await as(app, 'b', () => app.query('insert into parents values (1), (2)'))
    await as(app, 'b', () => app.query('insert into children values (1)'))
    expect(await sqlState(as(app, 'a', () => app.query('insert into children values (2)')))).toBe('23503')
    await as(app, 'a', () => app.query('insert into parents values (1)'))
    await as(app, 'a', () => app.query('insert into children values (1)'))
    await as(app, 'b', () => app.query('delete from parents'))
    expectCount(await as(app, 'a', () => app.query('select count(*) from children')), 1)
    expectCount(await as(app, 'b', () => app.query('select count(*) from children')), 0)
  })

  it('R20 P30 the same key belongs to each tenant; ON CONFLICT meets only its own', async () => {
    await make('create table users (email text, visits int default 1)', 'users')
    await owner.query('create unique index on users (tenant_id, email)')
    const visit = `insert into users (email) values ('x@example.com')
      on conflict (tenant_id, email) do update set visits = users.visits + 1 returning visits`
    for (const [tenant, visits] of [
      ['a', 1],
      ['b', 1],
      ['a', 2],
    ] as const) {
      expect((await as(app, tenant, () => app.query(visit))).rows).toEqual([{ visits }])
    }
  })

  it('R20 an upsert on a key without the tenant does not touch the row of another', async () => {
    await make('create table codes (code text unique, body text)', 'codes')
    await as(app, 'b', () => app.query(`insert into codes values ('k', 'of b')`))
    const upsert = `insert into codes values ('k', 'of a') on conflict (code) do update set body = 'of a' returning body`
    expect(await sqlState(as(app, 'a', () => app.query(upsert)))).toBe('42501')
    const ignore = `insert into codes values ('k', 'of a') on conflict (code) do nothing returning body`
    expect((await as(app, 'a', () => app.query(ignore))).rows).toEqual([])
    expect(await as(app, 'b', () => bodies(app, 'codes'))).toEqual(['of b'])
  })

  it('R22 COPY TO gives only own rows, COPY FROM is refused', async () => {
    await seed()
    expect((await as(app, 'a', () => app.query('copy notes to stdout'))).rowCount).toBe(1)
    expect((await app.query('copy notes to stdout')).rowCount).toBe(0)
    expect(await sqlState(as(app, 'a', () => app.query('copy notes (body) from stdin')))).toBe('0A000')
  })

  it('R23 TRUNCATE is refused', async () => {
    expect(await sqlState(as(app, 'a', () => app.query('truncate notes')))).toBe('42501')
  })

  it('R23 privileges that the role had before are taken from it', async () => {
    await owner.query('create table granted (body text)')
    await owner.query(`grant all on granted to ${database.runtimeRole}`)
    for (const statement of protectTable('granted', { runtimeRole: database.runtimeRole })) await owner.query(statement)
    expect(await sqlState(app.query('truncate granted'))).toBe('42501')
    expect(
      await sqlState(
        app.query('create trigger t before insert on granted execute function suppress_redundant_updates_trigger()'),
      ),
    ).toBe('42501')
  })

  it('R3 a view with security_invoker shows only own rows', async () => {
    await seed()
    await owner.query('create view seen with (security_invoker = true) as select * from notes')
    await owner.query(`grant select on seen to ${database.runtimeRole}`)
    expect(await as(app, 'a', () => bodies(app, 'seen'))).toEqual(['of a'])
  })

  it('R32 partitions: scoped through the parent, out of reach by themselves, scoped when granted and protected', async () => {
    await make('create table days (day int, body text) partition by range (day)', 'days')
    await owner.query('create table days_1 partition of days for values from (1) to (2)')
    await owner.query('create table days_2 partition of days for values from (2) to (3)')
    for (const tenant of ['a', 'b']) {
      await as(app, tenant, () => app.query('insert into days values (1, $1), (2, $1)', [`of ${tenant}`]))
    }
    expect(await as(app, 'a', () => bodies(app, 'days'))).toEqual(['of a', 'of a'])
    expect(await sqlState(as(app, 'a', () => bodies(app, 'days_1')))).toBe('42501')
    const partition = { runtimeRole: database.runtimeRole, addColumn: false, index: false }
    for (const statement of protectTable('days_1', partition)) await owner.query(statement)
    expect(await as(app, 'a', () => bodies(app, 'days_1'))).toEqual(['of a'])
    expect(await bodies(app, 'days_1')).toEqual([])
  })

  it.each<[string, string, ProtectOptions]>([
    ['a new text column', 'create table "T1" (body text)', {}],
    ['a new uuid column', 'create table "T1" (body text)', { type: 'uuid' }],
    ['a text column that is there', 'create table "T1" (tenant_id text, body text)', {}],
    ['a varchar column that is there', 'create table "T1" (tenant_id varchar(36), body text)', {}],
    ['a uuid column that is there', 'create table "T1" (tenant_id uuid not null, body text)', { type: 'uuid' }],
    [
      'names that need quotes',
      'create schema "My ""Sales"; create table "My ""Sales"."T1" (body text)',
      { schema: 'My "Sales', column: 'Org "Id', setting: 'my_app.org_id' },
    ],
  ])('works for %s', async (_, create, options) => {
    const fresh = await server.freshDatabase()
    const [admin, migration, client] = [
      await connect(fresh.adminUrl),
      await connect(fresh.ownerUrl),
      await connect(fresh.runtimeUrl),
    ]
    try {
      await migration.query(create)
      const { schema = 'public', column = 'tenant_id', setting = 'tenantry.tenant_id' } = options
      const [table, tenantColumn] = [`${pg.escapeIdentifier(schema)}."T1"`, pg.escapeIdentifier(column)]
      await migration.query(`grant usage on schema ${pg.escapeIdentifier(schema)} to ${fresh.runtimeRole}`)
      for (const statement of protectTable('T1', { ...options, runtimeRole: fresh.runtimeRole }))
        await migration.query(statement)
      const [a, b] = [randomUUID(), randomUUID()]
      for (const tenant of [a, b]) {
        await as(client, tenant, () => client.query(`insert into ${table} (body) values ('own')`), setting)
      }
      const mine = await as(client, a, () => client.query(`select ${tenantColumn} as tenant from ${table}`), setting)
      expect(mine.rows).toEqual([{ tenant: a }])
      expect((await client.query(`select from ${table}`)).rowCount).toBe(0)
      const foreign = () => client.query(`insert into ${table} (${tenantColumn}) values ('${b}')`)
      expect(await sqlState(as(client, a, foreign, setting))).toBe('42501')
      expect((await admin.query(`select from ${table}`)).rowCount).toBe(2)
      const { rows } = await admin.query(
        `select relrowsecurity and relforcerowsecurity as forced,
           (select attnotnull from pg_attribute where attrelid = c.oid and attname = $2) as required,
           array(select polpermissive from pg_policy where polrelid = c.oid order by 1) as permissive,
           (select count(*)::int from pg_constraint where conrelid = c.oid and contype = 'c') as checks,
           (select count(*)::int from pg_index where indrelid = c.oid) as indexes
         from pg_class c where oid = $1::regclass`,
        [table, column],
      )
      expect(rows).toEqual([
        {
          forced: true,
          required: true,
          permissive: [false, true],
          checks: options.type === 'uuid' ? 0 : 1,
          indexes: 1,
        },
      ])
    } finally {
      for (const one of [admin, migration, client]) await one.end()
    }
  })

  it('a table with rows of nobody is not protected, and stays as it was', async () => {
    await owner.query('create table legacy (body text); insert into legacy values (1)')
    expect(await sqlState(owner.query(protectTable('legacy').join('; ')))).toBe('23502')
    expect((await owner.query('select * from legacy')).rows).toEqual([{ body: '1' }])
  })

  it("works in Kysely's migrations, and unprotectTable takes it back", async () => {
    const pool = new pg.Pool({ connectionString: database.ownerUrl, max: 1 })
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
    try {
      await db.transaction().execute(async trx => {
        await trx.schema.createTable('kysely_notes').addColumn('body', 'text').execute()
        for (const statement of protectTable('kysely_notes', { runtimeRole: database.runtimeRole })) {
          await sql.raw(statement).execute(trx)
        }
      })
      await as(app, 'a', () => app.query(`insert into kysely_notes values ('of a')`))
      expect(await bodies(app, 'kysely_notes')).toEqual([])
      await db.transaction().execute(async trx => {
        for (const statement of unprotectTable('kysely_notes')) await sql.raw(statement).execute(trx)
      })
      expect(await bodies(app, 'kysely_notes')).toEqual(['of a'])
      for (const statement of [...unprotectTable('kysely_notes'), ...protectTable('kysely_notes')]) {
        await sql.raw(statement).execute(db)
      }
      expect(await bodies(app, 'kysely_notes')).toEqual([])
    } finally {
      await db.destroy()
    }
  })
})
