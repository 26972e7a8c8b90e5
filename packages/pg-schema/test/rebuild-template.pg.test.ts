import type { Tenant } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type PgSchemaOptions, pgSchema, rebuildTemplate, storageNames } from '../src/index.ts'
import { failureOf, type SchemaDatabase, schemaDatabase, silent, tenantOf, thereOf } from './support.ts'

const template = ['create schema template', 'create table template.notes (id int primary key, text text not null)']

describePostgres('the template', server => {
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

  it('the template is made anew from the migrations in one call, or stays as it was', async () => {
    const { provisioner } = database
    const schema = 'rebuilt'
    const structure = { by: 'template', schema } as const
    await rebuildTemplate({ provisioner, schema, migrate: query => query('create table one (id int)') })
    const [first, second] = [tenantOf(), tenantOf()]
    await open({ structure }).provision(first)
    expect(await there(first)).toEqual(['one', 'role', 'schema'])
    const broken = rebuildTemplate({
      provisioner,
      schema,
      migrate: query => query('create table two (id int); select 1 / 0'),
    })
    expect((await failureOf(broken)).code).toBe('TEMPLATE_REBUILD_FAILED')
    const migrate: Parameters<typeof rebuildTemplate>[0]['migrate'] = query =>
      query('create table one (id int); create table two (id int)')
    await rebuildTemplate({ provisioner, schema, migrate })
    // By the same isolation: it sees that the template is another one.
    await open({ structure }).provision(second)
    expect(await there(second)).toEqual(['one', 'role', 'schema', 'two'])
    expect((await failureOf(rebuildTemplate({ provisioner, schema: 'template', migrate }))).code).toBe('OBJECT_FOREIGN')
    const findings = await open({ structure }).verify()
    const behind = findings.filter(({ id }) => id === 'S15').map(({ object }) => object)
    expect(behind).toContain(`schema ${namesOf(first).schema}`)
    expect(behind).not.toContain(`schema ${namesOf(second).schema}`)
  })

  it('a clone and a new template wait for each other, so that no tenant is half of the one and half of the other', async () => {
    const { provisioner, admin, name } = database
    const schema = 'turns'
    const isolation = open({ structure: { by: 'template', schema, versionTables: ['ledger'] } })
    const old = `create table ledger (version int); insert into ledger values (1)`
    await rebuildTemplate({ provisioner, schema, migrate: query => query(old) })
    const [before, during, after] = [tenantOf(), tenantOf(), tenantOf()]
    await isolation.provision(before)

    const someoneWaits = () =>
      vi.waitFor(async () => {
        const { rows } = await admin.query(
          `select from pg_locks l join pg_database d on d.oid = l.database
            where not l.granted and l.locktype = 'advisory' and d.datname = $1`,
          [name],
        )
        expect(rows).toHaveLength(1)
      }, 10_000)
    let provisioning: Promise<void> | undefined
    const anew = `create table ledger (version int, at date); insert into ledger values (2); create table notes (id int)`
    await rebuildTemplate({
      provisioner,
      schema,
      async migrate(query) {
        provisioning = isolation.provision(during)
        await someoneWaits()
        await query(anew)
      },
    })
    await provisioning
    expect(await there(during)).toEqual(['ledger', 'notes', 'role', 'schema'])

    // The other way round: the clone stands still at the rows of the ledger, which somebody has locked.
    const holder = await admin.connect()
    await holder.query('begin; lock table turns.ledger')
    provisioning = isolation.provision(after)
    await vi.waitFor(async () => {
      const { rows } = await admin.query(
        `select from pg_locks where not granted and relation = 'turns.ledger'::regclass`,
      )
      expect(rows).toHaveLength(1)
    }, 10_000)
    const rebuilding = rebuildTemplate({ provisioner, schema, migrate: query => query(old) })
    await someoneWaits()
    await holder.query('rollback')
    holder.release()
    await Promise.all([provisioning, rebuilding])
    const versions = await admin.query(`select version from ${namesOf(after).schema}.ledger`)
    expect([await there(after), versions.rows]).toEqual([['ledger', 'notes', 'role', 'schema'], [{ version: 2 }]])
  })

  it('a new template that cannot be cloned, or has dependents, is not made; the old one stays', async () => {
    const { provisioner, admin } = database
    const schema = 'kept'
    await rebuildTemplate({ provisioner, schema, migrate: query => query('create table one (id int)') })
    await admin.query('create view public.outside as select * from kept.one')
    const dependent = await failureOf(rebuildTemplate({ provisioner, schema, migrate: async () => undefined }))
    expect([dependent.code, dependent.message]).toEqual(['TEMPLATE_REBUILD_FAILED', expect.stringContaining('outside')])
    await admin.query('drop view public.outside')
    const outside = (query: (text: string) => Promise<unknown>) =>
      query('create table two (one int references template.notes)')
    const refused = await failureOf(rebuildTemplate({ provisioner, schema, migrate: outside }))
    expect([refused.code, refused.message]).toEqual(['TEMPLATE_INVALID', expect.stringContaining('template.notes')])
    const tenant = tenantOf()
    await open({ structure: { by: 'template', schema } }).provision(tenant)
    expect(await there(tenant)).toEqual(['one', 'role', 'schema'])
  })

  it.each(['commit', 'commit; begin'])(
    'migrations that end the transaction (%s) leave no template to clone, and the next rebuild makes one',
    async end => {
      const { provisioner } = database
      const schema = 'ended'
      const isolation = open({ structure: { by: 'template', schema } })
      const ended = await failureOf(
        rebuildTemplate({ provisioner, schema, migrate: query => query(`create table half (id int); ${end}`) }),
      )
      expect([ended.code, ended.message]).toEqual(['TEMPLATE_REBUILD_FAILED', expect.stringContaining('has ended it')])
      expect((await failureOf(isolation.provision(tenantOf()))).code).toBe('TEMPLATE_MISSING')
      await rebuildTemplate({
        provisioner,
        schema,
        migrate: (_query, { client }) => client.query('create table one (id int)'),
      })
      const tenant = tenantOf()
      await isolation.provision(tenant)
      expect(await there(tenant)).toEqual(['one', 'role', 'schema'])
    },
  )
})
