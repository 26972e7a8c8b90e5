import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { pgSchema, storageNames } from '../src/index.ts'
import { lockSchema } from '../src/schema-lock.ts'
import { type SchemaDatabase, schemaDatabase, silent, tenantOf } from './support.ts'

// The server locks what a view reads when it tells the view.
const template = [
  'create schema template',
  'create table template.notes (id int primary key, text text not null)',
  'create view template.texts as select text from template.notes',
]

describePostgres('the look for drift', server => {
  let database: SchemaDatabase
  /** Schemas of tenants in the order in which they are looked at. */
  let schemas: readonly [string, string, string]
  let other: pg.Client
  beforeEach(async () => {
    database = await schemaDatabase(server, template)
    const tenants = [tenantOf(), tenantOf(), tenantOf()]
    for (const tenant of tenants) await open().provision(tenant)
    const [a = '', b = '', c = ''] = tenants
      .map(storageNames({}))
      .map(({ schema }) => schema)
      .sort()
    schemas = [a, b, c]
    other = new pg.Client({ connectionString: database.adminUrl })
    await other.connect()
  })
  afterEach(async () => {
    await other?.end()
    await database?.close()
  })

  const open = () => {
    const { runtime: pool, provisioner, rolePrefix } = database
    return pgSchema({ pool, provisioner, rolePrefix, logger: silent })
  }

  /** Looks while another session holds the notes of a tenant, and does something once it waits for them. */
  async function lookingWhile(schema: string, work: () => Promise<unknown>) {
    await other.query(`begin; lock table ${schema}.notes in access exclusive mode`)
    const looking = open().verify()
    // Whoever awaits it below is told.
    looking.catch(() => undefined)
    for (let waiting = 0; waiting === 0; ) {
      const { rows } = await database.admin.query(
        'select count(*)::int as waiting from pg_locks where not granted and relation = $1::regclass',
        [`${schema}.notes`],
      )
      waiting = rows[0].waiting
    }
    await work()
    await other.query('commit')
    return looking
  }

  it('holds neither the tenants that it has seen nor the template while it waits for another', async () => {
    const [first, second] = schemas
    const findings = await lookingWhile(second, async () => {
      await database.admin.query(`set lock_timeout = '2s'; alter table ${first}.notes add more int`)
      await database.admin.query(`begin; set local lock_timeout = '2s'; ${lockSchema('template')}; commit`)
    })
    expect(findings).toEqual([])
  })

  it('passes over a tenant that is dropped meanwhile', async () => {
    const [first, second] = schemas
    const findings = await lookingWhile(first, () => database.admin.query(`drop schema ${second} cascade`))
    expect(findings.filter(({ id }) => id === 'S15')).toEqual([])
  })

  it('says of a tenant that it cannot be compared and why, and goes on with the next', async () => {
    const [first, second, third] = schemas
    const { admin, name, provisionerRole } = database
    for (const schema of [first, third]) await admin.query(`alter table ${schema}.notes add more int`)
    await admin.query(`alter role ${provisionerRole} in database ${name} set lock_timeout = '100ms'`)
    await other.query(`begin; lock table ${second}.notes in access exclusive mode`)
    // The setting is for new connections.
    const fresh = new pg.Pool({ connectionString: database.provisionerUrl, max: 1 })
    const { runtime: pool, rolePrefix } = database
    const findings = await pgSchema({ pool, provisioner: fresh, rolePrefix, logger: silent }).verify()
    await fresh.end()
    await other.query('rollback')
    expect(findings.map(({ id, severity, object, problem }) => [id, severity, object, problem])).toEqual([
      ['S15', 'warning', `schema ${first}`, 'is not like the template: column notes.more is not in the template.'],
      [
        'S15',
        'warning',
        `schema ${second}`,
        expect.stringMatching(/^cannot be compared with the template: 55P03 .*timeout/),
      ],
      ['S15', 'warning', `schema ${third}`, 'is not like the template: column notes.more is not in the template.'],
    ])
  })

  it('fails when the server is lost: that says nothing of a tenant', async () => {
    const { admin, provisionerRole } = database
    const end =
      'select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 and datname = current_database()'
    const looking = lookingWhile(schemas[1], () => admin.query(end, [provisionerRole]))
    await expect(looking).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  })
})
