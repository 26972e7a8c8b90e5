import type { Tenant } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type PgSchemaOptions, pgSchema, storageNames } from '../src/index.ts'
import { failureOf, type SchemaDatabase, schemaDatabase, silent, tenantOf, thereOf } from './support.ts'

const template = [
  'create schema template',
  'create table template.ledger (id int generated always as identity primary key, name text)',
  `insert into template.ledger (name) values ('first'), ('second')`,
  'create table template.customers (id int generated always as identity primary key, name text unique)',
  'create table template.notes (id int primary key, customer int references template.customers, text text not null)',
  'create view template.named as select n.id, c.name from template.notes n join template.customers c on c.id = n.customer',
]

const byTemplate = { by: 'template', versionTables: ['ledger'] } as const

describePostgres('deprovisioning', server => {
  let database: SchemaDatabase
  beforeAll(async () => {
    database = await schemaDatabase(server, template)
  })
  afterAll(() => database?.close())

  function open(options: Partial<PgSchemaOptions> = {}) {
    const { runtime: pool, provisioner, rolePrefix } = database
    return pgSchema({ ...{ pool, provisioner, rolePrefix, logger: silent }, ...options })
  }
  const namesOf = (tenant: Tenant) => storageNames({ rolePrefix: database.rolePrefix })(tenant)
  const there = (tenant: Tenant) => thereOf(database, tenant)
  const whole = ['customers', 'ledger', 'named', 'notes', 'role', 'schema']

  it('deprovisioning says what went, with the rows of each table, and is done once', async () => {
    const tenant = tenantOf()
    const isolation = open({ structure: byTemplate })
    await isolation.provision(tenant)
    await isolation.handle(() => tenant).query(`insert into customers (name) values ('one'), ('two')`)
    const { schema, role } = namesOf(tenant)
    const { erased } = await isolation.deprovision(tenant)
    expect(erased).toEqual([
      { kind: 'table', name: `${schema}.customers`, count: 2 },
      { kind: 'table', name: `${schema}.ledger`, count: 2 },
      { kind: 'table', name: `${schema}.notes`, count: 0 },
      { kind: 'schema', name: schema, count: 1 },
      { kind: 'role', name: role, count: 1 },
    ])
    expect(await there(tenant)).toEqual([])
    expect(await isolation.deprovision(tenant)).toEqual({ tenant: tenant.id, erased: [] })
  })

  it('what stands outside and depends on the tenant is not dropped along: nothing is, and it is named', async () => {
    const tenant = tenantOf()
    const isolation = open({ structure: byTemplate })
    await isolation.provision(tenant)
    const { schema } = namesOf(tenant)
    await database.admin.query(`create view public.report as select name from ${schema}.customers`)
    const error = await failureOf(isolation.deprovision(tenant))
    expect(error.code).toBe('ERASURE_INCOMPLETE')
    expect(error.message).toContain('report')
    expect(await there(tenant)).toEqual(whole)
    await database.admin.query('drop view public.report')
    await isolation.deprovision(tenant)
  })

  it('T31 the default tenant is not deprovisioned', async () => {
    const error = await failureOf(open().deprovision(tenantOf({ isDefault: true })))
    expect(error.code).toBe('TENANT_PROTECTED')
  })

  it('a role that was granted anything elsewhere keeps the tenant, and what names it is told', async () => {
    const tenant = tenantOf()
    const isolation = open()
    await isolation.provision(tenant)
    const { role } = namesOf(tenant)
    await database.admin.query(`create table public.shared (id int); grant select on public.shared to ${role}`)
    const error = await failureOf(isolation.deprovision(tenant))
    expect([error.code, error.message]).toEqual(['ERASURE_INCOMPLETE', expect.stringContaining('table public.shared')])
    expect(await there(tenant)).toEqual(whole)
    await database.admin.query('drop table public.shared')
    await isolation.deprovision(tenant)
    expect(await there(tenant)).toEqual([])
  })

  it('rows that a policy hides from the owner are counted; those of a table of somebody else’s keep the tenant', async () => {
    const tenant = tenantOf()
    const isolation = open()
    await isolation.provision(tenant)
    const { schema } = namesOf(tenant)
    await isolation.handle(() => tenant).query(`insert into customers (name) values ('hidden')`)
    await database.provisioner.query(
      `alter table ${schema}.customers enable row level security, force row level security`,
    )
    await database.admin.query(`alter table ${schema}.notes owner to postgres`)
    const error = await failureOf(isolation.deprovision(tenant))
    expect([error.code, error.message]).toEqual(['ERASURE_INCOMPLETE', expect.stringContaining(`${schema}.notes`)])
    await database.admin.query(`alter table ${schema}.notes owner to ${database.provisionerRole}`)
    const { erased } = await isolation.deprovision(tenant)
    expect(erased[0]).toEqual({ kind: 'table', name: `${schema}.customers`, count: 1 })
  })

  it('what the tenant itself has made beside its schema goes too, and is told', async () => {
    const tenant = tenantOf()
    const isolation = open()
    await isolation.provision(tenant)
    const { query } = isolation.handle(() => tenant)
    const { rows } = await query<{ oid: string }>(`select lo_from_bytea(0, 'kept by the tenant') as oid`)
    await query('alter default privileges grant select on tables to public')
    const { erased } = await isolation.deprovision(tenant)
    expect(erased.map(({ name }) => name)).toContain(`large object ${rows[0]?.oid}`)
    expect(erased.filter(({ kind }) => kind === 'object')).toHaveLength(2)
    expect(await there(tenant)).toEqual([])
  })

  it('what somebody makes outside while the tenant is dropped is waited for, and keeps the tenant', async () => {
    const tenant = tenantOf()
    const isolation = open()
    await isolation.provision(tenant)
    const { schema } = namesOf(tenant)
    const maker = await database.admin.connect()
    await maker.query(`begin; create view public.late as select name from ${schema}.customers`)
    const dropping = failureOf(isolation.deprovision(tenant))
    await vi.waitFor(async () => {
      const { rows } = await database.admin.query(
        `select from pg_locks where not granted and relation = '${schema}.customers'::regclass`,
      )
      expect(rows).toHaveLength(1)
    }, 10_000)
    await maker.query('commit')
    maker.release()
    const error = await dropping
    expect([error.code, error.message]).toEqual(['ERASURE_INCOMPLETE', expect.stringContaining('view public.late')])
    await database.admin.query('drop view public.late')
    await isolation.deprovision(tenant)
  })

  it('an extension that stands in the tenant’s schema goes with it, unless somebody outside uses it', async () => {
    const tenant = tenantOf()
    const statements = [
      'create extension cube',
      'create extension citext',
      `create type state as enum ('on'); create cast (state as varchar) with inout`,
      'create table places (at cube)',
      'create index on places using gist (at)',
    ]
    const isolation = open({ structure: { by: 'sql', statements } })
    await isolation.provision(tenant)
    const { schema } = namesOf(tenant)
    const uses = [
      [`create table public.used (at ${schema}.cube)`, 'drop table public.used', 'table public.used'],
      [
        `create view public.used as select '(1)'::${schema}.cube::text as text`,
        'drop view public.used',
        'on view public.used',
      ],
      [
        `create domain public.used as text check (${schema}.cube_dim(value::${schema}.cube) > 1)`,
        'drop domain public.used',
        'constraint used_check',
      ],
    ] as const
    for (const [use, drop, told] of uses) {
      await database.admin.query(use)
      const error = await failureOf(isolation.deprovision(tenant))
      expect([error.code, error.message], use).toEqual(['ERASURE_INCOMPLETE', expect.stringContaining(told)])
      await database.admin.query(drop)
    }
    await isolation.deprovision(tenant)
    expect(await there(tenant)).toEqual([])
  })

  it('another extension, in another schema, that needs the tenant’s keeps it', async () => {
    const tenant = tenantOf()
    const isolation = open({ structure: { by: 'sql', statements: ['create extension cube'] } })
    await isolation.provision(tenant)
    await database.admin.query(`create extension earthdistance schema public`)
    const error = await failureOf(isolation.deprovision(tenant))
    expect([error.code, error.message]).toEqual([
      'ERASURE_INCOMPLETE',
      expect.stringContaining('extension earthdistance'),
    ])
    await database.admin.query('drop extension earthdistance')
    await isolation.deprovision(tenant)
    expect(await there(tenant)).toEqual([])
  })
})
