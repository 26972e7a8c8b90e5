import { randomBytes } from 'node:crypto'
import { failureOf as errorOf } from '@tenantry/conformance'
import { memoryRegistry, type Tenant, type TenantInput } from '@tenantry/core'
import type { FreshDatabase } from '@tenantry/servers'
import type { PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'
import { storageNames } from '../src/index.ts'

/** A template of one table. */
export const templateSql: readonly string[] = [
  'create schema template',
  'create table template.notes (id uuid primary key, text text not null)',
]

/** A database with a template, and the pools that look at it. */
export interface SchemaDatabase extends FreshDatabase {
  /** Superuser. */
  readonly admin: pg.Pool
  readonly provisioner: pg.Pool
  readonly runtime: pg.Pool
  /** What the roles of this database must begin with, since all databases of the server share them. */
  readonly rolePrefix: string
  close(): Promise<void>
}

/**
 * A fresh database in which the provisioner has made the template.
 *
 * @param ownLogin - whether the login is this database's own: what is done to a role is seen by every test of the server.
 */
export async function schemaDatabase(
  server: PostgresForTests,
  template: readonly string[] = templateSql,
  ownLogin = false,
): Promise<SchemaDatabase> {
  const made = await server.freshDatabase()
  const open = (connectionString: string, max: number) => new pg.Pool({ connectionString, max })
  const admin = open(made.adminUrl, 2)
  const database = ownLogin ? { ...made, ...(await makeLogin(made, admin)) } : made
  const provisioner = open(database.provisionerUrl, 4)
  const runtime = open(database.runtimeUrl, 4)
  for (const statement of template) await provisioner.query(statement)
  return {
    ...{ ...database, admin, provisioner, runtime },
    rolePrefix: `${database.name}_`,
    async close() {
      // A connection that is being closed may be cut by the drop of its database.
      for (const pool of [admin, provisioner, runtime]) pool.on('error', () => undefined)
      await Promise.all([admin.end(), provisioner.end(), runtime.end()])
      await database.drop()
    },
  }
}

/** A login that nobody else has. */
export async function makeLogin({ name, runtimeUrl }: FreshDatabase, admin: pg.Pool, suffix = 'app') {
  const runtimeRole = `${name}_${suffix}`
  const url = new URL(runtimeUrl)
  url.username = runtimeRole
  url.password = randomBytes(12).toString('hex')
  await admin.query(`create role ${runtimeRole} login noinherit password '${url.password}'`)
  await admin.query(`grant connect on database ${name} to ${runtimeRole}`)
  return { runtimeRole, runtimeUrl: url.href }
}

/** A tenant as a registry knows it. */
export function tenantOf(input: Partial<TenantInput> = {}): Tenant {
  return memoryRegistry().add({ slug: 'acme', name: 'Acme', ...input })
}

/** A logger that says nothing. */
export const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** What a failure says. */
export interface Failure {
  readonly code?: string
  readonly details?: unknown
  readonly message: string
  readonly cause?: unknown
}

/** {@link errorOf}, with what a `TenancyError` and an error of the server have. */
export async function failureOf(work: Promise<unknown>): Promise<Failure> {
  return await errorOf(work)
}

/** What there is under the names of a tenant: `role`, `schema`, and the names of tables and views. */
export async function thereOf({ admin, rolePrefix }: SchemaDatabase, tenant: Tenant): Promise<readonly string[]> {
  const { schema, role } = storageNames({ rolePrefix })(tenant)
  const { rows } = await admin.query<{ line: string }>(
    `select 'role' as line from pg_roles where rolname = $2 union all select 'schema' from pg_namespace where nspname = $1
     union all select relname::text from pg_class where relnamespace = to_regnamespace($1) and relkind in ('r', 'v') order by 1`,
    [schema, role],
  )
  return rows.map(({ line }) => line)
}
