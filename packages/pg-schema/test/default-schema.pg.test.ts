import { type Tenant, tenantDigest } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type PgSchemaOptions, pgSchema, storageNames } from '../src/index.ts'
import { failureOf, type SchemaDatabase, schemaDatabase, silent, tenantOf, thereOf } from './support.ts'

describePostgres('the schema of the default tenant', server => {
  let database: SchemaDatabase
  beforeAll(async () => {
    database = await schemaDatabase(server, [
      'create schema template',
      'create schema t_main',
      'create table t_main.notes (id int)',
      `insert into t_main.notes values (1)`,
    ])
  })
  afterAll(() => database?.close())

  function open(options: Partial<PgSchemaOptions> = {}) {
    const { runtime: pool, provisioner, rolePrefix } = database
    return pgSchema({ ...{ pool, provisioner, rolePrefix, logger: silent, defaultSchema: 't_main' }, ...options })
  }
  const namesOf = (tenant: Tenant) => storageNames({ rolePrefix: database.rolePrefix })(tenant)

  it('S1 a tenant whose placement names it is refused before anything is granted', async () => {
    const thief = tenantOf({ placement: { schema: 't_main' } })
    const isolation = open()
    expect((await failureOf(isolation.provision(thief))).code).toBe('IDENTIFIER_INVALID')
    expect((await failureOf(isolation.handle(() => thief).query('select 1'))).code).toBe('IDENTIFIER_INVALID')
    // An isolation that was not told of it makes no difference: it has no mark.
    expect((await failureOf(open({ defaultSchema: 'public' }).provision(thief))).code).toBe('OBJECT_FOREIGN')
    expect(await thereOf(database, { ...thief, placement: {} })).toEqual([])
  })

  it('another default tenant does not get the rows of the one before', async () => {
    const isolation = open()
    const [first, second] = [tenantOf({ isDefault: true }), tenantOf({ isDefault: true })]
    await isolation.provision(first)
    await isolation.provision(first)
    expect((await isolation.handle(() => first).query('select id from notes')).rows).toEqual([{ id: 1 }])
    const error = await failureOf(isolation.provision(second))
    expect(error).toMatchObject({
      code: 'OBJECT_FOREIGN',
      details: {
        kind: 'schema',
        name: 't_main',
        owner: `the tenant whose id has the digest ${tenantDigest(first.id)}`,
      },
    })
    expect((await failureOf(isolation.handle(() => second).query('select 1'))).code).toBe('TENANT_STORE_MISSING')
    // The one before is a tenant as any other now, without a schema.
    const { query } = isolation.handle(() => ({ ...first, isDefault: false }))
    expect((await failureOf(query('select id from notes'))).code).toBe('TENANT_STORE_MISSING')
    expect(namesOf(first).role).not.toBe(namesOf(second).role)
    // Nor is it erased as if it had no rows, whatever it owns beside them: its role is what keeps them.
    await isolation.handle(() => first).query(`select lo_from_bytea(0, 'its own')`)
    const erasing = await failureOf(isolation.deprovision({ ...first, isDefault: false }))
    expect([erasing.code, erasing.message]).toEqual(['ERASURE_INCOMPLETE', expect.stringContaining('schema t_main')])
    expect((await failureOf(isolation.provision(second))).code).toBe('OBJECT_FOREIGN')
  })
})
