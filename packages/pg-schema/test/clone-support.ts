import { randomBytes } from 'node:crypto'
import type { Query } from '@tenantry/pg'
import type { FreshDatabase } from '@tenantry/servers'
import type { PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'
import { type CloneOptions, type ClonePlan, readClonePlan } from '../src/clone/clone-plan.ts'
import { outsideReferences } from '../src/clone/outside-references.ts'
import { type Difference, diffStructures, readStructure } from '../src/clone/structure.ts'
import { fixtureSql } from './fixture.sql.ts'

/** Names that are found in no text by chance, so that one can be replaced by another in a dump. */
export const template = 'tpl_0fixture'
export const target = 't_0clone'

/** A database with a provisioner that is no superuser, and roles that go with it. */
export interface CloneDatabase {
  readonly name: string
  /** The server's major version. */
  readonly major: number
  /** Superuser. */
  readonly admin: pg.Client
  readonly adminUrl: string
  /** May make schemas and roles; owns the templates and all that is cloned. */
  readonly owner: pg.Client
  readonly ownerUrl: string
  readonly ownerRole: string
  /** Has nothing to do with tenants. */
  readonly reader: string
  /** The template's own tenant role. */
  readonly tenant: string
  /** The role of the clone. */
  readonly role: string
  readonly query: Query
  close(): Promise<void>
}

/** Roles are the server's, so that their names are new for each database. */
export async function cloneDatabase(server: PostgresForTests): Promise<CloneDatabase> {
  const { major } = server.descriptor
  const database = await server.freshDatabase()
  const suffix = randomBytes(4).toString('hex')
  const [ownerRole, reader, tenant, role] = ['own', 'reader', 'tenant', 'role'].map(name => `${name}_${suffix}`)
  const admin = await connect(database.adminUrl)
  await admin.query(
    `create role ${ownerRole} login createrole password '${suffix}';
     create role ${reader}; create role ${tenant}; create role ${role};
     grant create, connect, temporary on database ${database.name} to ${ownerRole};
     create schema ext; grant usage on schema ext to public;
     create extension citext schema ext; create extension pg_trgm schema ext; create extension btree_gist schema ext`,
  )
  const ownerUrl = new URL(database.adminUrl)
  ownerUrl.username = String(ownerRole)
  ownerUrl.password = suffix
  const owner = await connect(ownerUrl.href)
  return {
    ...{ name: database.name, major, admin, adminUrl: database.adminUrl, owner, ownerUrl: ownerUrl.href },
    ...{ ownerRole: String(ownerRole), reader: String(reader), tenant: String(tenant), role: String(role) },
    query: queryOf(owner),
    close: () => close(database, [admin, owner]),
  }
}

async function close(database: FreshDatabase, clients: readonly pg.Client[]): Promise<void> {
  for (const client of clients) await client.end()
  await database.drop()
}

export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}

export function queryOf(client: pg.Client): Query {
  return (text, values) => client.query(text, values === undefined ? undefined : [...values])
}

/** Makes the fixture's template, as its owner. */
export async function makeFixture({ owner, reader, tenant, major }: CloneDatabase, schema = template): Promise<void> {
  await makeTemplate(owner, fixtureSql(schema, { reader, tenant }, major), schema)
}

/** Makes a template of statements that say no schema. */
export async function makeTemplate(owner: pg.Client, statements: string, schema = template): Promise<void> {
  const name = pg.escapeIdentifier(schema)
  await inTransaction(owner, async () => {
    await owner.query(`create schema ${name}; set local search_path = ${name}, pg_temp`)
    await owner.query(statements)
  })
}

/** Does something in a transaction that ends with it, well or not. */
export async function inTransaction<T>(client: pg.Client, work: () => Promise<T>, end = 'commit'): Promise<T> {
  await client.query('begin')
  try {
    const result = await work()
    await client.query(end)
    return result
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

/** What {@link clone} did, and what is to be empty after it. */
export interface Cloned {
  readonly plan: ClonePlan
  readonly references: readonly { object: string; refersTo: string }[]
  readonly differences: readonly Difference[]
}

/** Clones as a provisioner does: all in one transaction and the statements in one text. */
export async function clone(
  { owner, query, role }: Pick<CloneDatabase, 'owner' | 'query' | 'role'>,
  options: Partial<CloneOptions> = {},
  schema = target,
): Promise<Cloned> {
  return inTransaction(owner, async () => {
    const plan = await readClonePlan(query, { schema: template, versionTables: [], ...options })
    const name = pg.escapeIdentifier(schema)
    await owner.query(`create schema ${name}; set local search_path = ${name}, pg_temp`)
    await owner.query(plan.statements({ schema, role }).join(';\n'))
    const references = await outsideReferences(query, schema, options.allowed ?? [])
    const differences = diffStructures(plan.structure, await readStructure(query, schema, { role }))
    return { plan, references, differences }
  })
}
