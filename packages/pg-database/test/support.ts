import { randomBytes } from 'node:crypto'
import { failureOf as errorOf } from '@tenantry/conformance'
import {
  type CredentialSource,
  type LoginTarget,
  memoryRegistry,
  secret,
  type Tenant,
  type TenantInput,
  tenantDigest,
} from '@tenantry/core'
import pg from 'pg'
import { makeDatabaseTemplate, type PgDatabaseOptions, type ProvisionerLogin, pgDatabase } from '../src/index.ts'

/** A logger that says nothing. */
export const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** What of a real server the tests need to know. */
export interface AnyServer {
  readonly descriptor: { readonly adminUrl: string }
}

/** Roles and a template of one test file on a server, under names that no other uses. */
export interface Ground {
  readonly host: string
  readonly port: number
  /** What the names of all databases and roles begin with. */
  readonly prefix: string
  /** Superuser, in the database `postgres`. */
  readonly admin: pg.Pool
  readonly provisioner: ProvisionerLogin
  /** Of a role that may make logins. */
  readonly brokerUrl: string
  readonly template: string
  /** Superuser, in any database. */
  urlOf(database: string): string
  /** Every database and role of this ground, ordered; without the roles and the template that are there from the start. */
  left(): Promise<readonly string[]>
  close(): Promise<void>
}

/** What a tenant's database starts with. */
export const structureSql = 'create table notes (id uuid primary key, text text not null)'

export async function makeGround(
  { descriptor }: AnyServer,
  { sql = structureSql, prefix = `p${randomBytes(4).toString('hex')}_` } = {},
): Promise<Ground> {
  const url = new URL(descriptor.adminUrl)
  const admin = new pg.Pool({ connectionString: descriptor.adminUrl, max: 2 })
  admin.on('error', () => undefined)
  const provisioner = { username: `${prefix}provisioner`, password: secret(randomBytes(12).toString('hex')) }
  await admin.query(
    `create role ${provisioner.username} login createdb createrole nosuperuser password '${provisioner.password.reveal()}'`,
  )
  // A database of its own: the grants on one of the server's are one row, which two files that change it at once fight for.
  const database = `${prefix}home`
  await admin.query(`create database ${database} allow_connections false`)
  await admin.query(`revoke all on database ${database} from public`)
  await admin.query(`alter database ${database} allow_connections true`)
  const broker = { username: `${prefix}broker`, password: randomBytes(12).toString('hex') }
  await admin.query(`create role ${broker.username} login createrole nosuperuser password '${broker.password}'`)
  await admin.query(`grant connect on database ${database} to ${provisioner.username}, ${broker.username}`)
  const brokerUrl = new URL(descriptor.adminUrl)
  Object.assign(brokerUrl, broker, { pathname: `/${database}` })
  const at = { host: url.hostname, port: Number(url.port) }
  const login = { ...provisioner, database }
  const template = `${prefix}tpl`
  await makeDatabaseTemplate({ server: at, provisioner: login, database: template, migrate: query => query(sql) })
  const ours = [provisioner.username, broker.username, database, template]

  async function names(): Promise<readonly { kind: string; name: string }[]> {
    const found = await admin.query<{ kind: string; name: string }>(
      `select 'database' as kind, datname as name from pg_database where starts_with(datname, $1)
       union all select 'role', rolname from pg_roles where starts_with(rolname, $1) order by 1, 2`,
      [prefix],
    )
    return found.rows
  }

  return {
    ...{ host: at.host, port: at.port, prefix, admin, provisioner: login, brokerUrl: brokerUrl.href, template },
    urlOf(name) {
      const other = new URL(descriptor.adminUrl)
      other.pathname = `/${name}`
      return other.href
    },
    left: async () =>
      (await names()).filter(({ name }) => !ours.includes(name)).map(({ kind, name }) => `${kind} ${name}`),
    async close() {
      const all = await names()
      await admin.query(`update pg_database set datistemplate = false where starts_with(datname, $1)`, [prefix])
      for (const { kind, name } of all)
        if (kind === 'database') await admin.query(`drop database "${name}" with (force)`)
      // A role that others were granted by comes last.
      const roles = all.filter(({ kind }) => kind === 'role').map(({ name }) => `"${name}"`)
      for (const role of roles) await admin.query(`drop owned by ${role} cascade`)
      await admin.query(`drop role ${roles.join(', ')}`)
      admin.on('error', () => undefined)
      await admin.end()
    },
  }
}

/** A tenant as a registry knows it, on a ground's server. */
export function tenantOn(ground: Ground, input: Partial<TenantInput> = {}, server = 'one'): Tenant {
  const registry = memoryRegistry()
  const { id } = registry.add({ slug: 'any', name: 'Any', ...input })
  const placement = { server, database: `${ground.prefix}${tenantDigest(id)}`, epoch: '1' }
  return memoryRegistry().add({ slug: 'acme', name: 'Acme', placement, ...input, id })
}

/** Standing credentials of whoever asks, each with a password of its own. */
export function standing(): CredentialSource {
  const passwords = new Map<string, string>()
  return {
    name: 'standing',
    async issue({ owner }: LoginTarget) {
      const known = passwords.get(owner) ?? randomBytes(12).toString('hex')
      passwords.set(owner, known)
      return { username: `${owner}_login`, password: secret(known) }
    },
  }
}

/** The isolation over one ground. */
export function databaseIsolation(ground: Ground, options: Partial<PgDatabaseOptions> = {}) {
  const { host, port, provisioner, prefix, template } = ground
  return pgDatabase({
    servers: { one: { host, port } },
    provisioners: { one: provisioner },
    credentials: standing(),
    structure: { by: 'template', database: template },
    keyPrefix: prefix,
    logger: silent,
    ...options,
  })
}

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
