import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Credentials, type LoginTarget, type Secret, secret } from '@tenantry/core'
import type { FreshDatabase } from '@tenantry/servers'
import type { PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'

/** A database with a broker and two tenants' owners, who share it here: what is tested is who a login is. */
export interface TenantLogins {
  readonly database: FreshDatabase
  readonly host: string
  readonly port: number
  readonly broker: { readonly username: string; readonly password: Secret; readonly database: string }
  readonly admin: pg.Pool
  target(tenant: 'acme' | 'globex'): LoginTarget
  /** A connection as this login. The caller ends it. */
  logIn(credentials: Credentials): Promise<pg.Client>
  /** Whether Postgres lets this login in. */
  admits(credentials: Credentials): Promise<boolean>
  /** Whether it comes to that within five seconds. */
  isGone(credentials: Credentials): Promise<boolean>
  close(): Promise<void>
}

export async function tenantLogins(server: PostgresForTests): Promise<TenantLogins> {
  const database = await server.freshDatabase()
  const { hostname: host, port } = new URL(database.adminUrl)
  const admin = new pg.Pool({ connectionString: database.adminUrl, max: 2 })
  admin.on('error', () => undefined)
  const broker = { username: `${database.name}_broker`, password: secret(`${randomBytes(9).toString('hex')}@/:%`) }
  const owner = (tenant: string) => `${database.name}_${tenant}`
  // CREATEROLE and nothing else; may give away the owners without being one (Postgres 16; before, CREATEROLE is enough).
  await admin.query(`create role ${broker.username} login createrole password '${broker.password.reveal()}'`)
  await admin.query(`grant connect on database ${database.name} to ${broker.username}`)
  for (const tenant of ['acme', 'globex']) {
    await admin.query(`create role ${owner(tenant)} nologin`)
    await admin.query(`grant ${owner(tenant)} to ${broker.username} with admin option`)
    await admin.query(`grant connect on database ${database.name} to ${owner(tenant)}`)
    await admin.query(`create schema ${tenant} authorization ${owner(tenant)}`)
  }

  async function logIn({ username, password }: Credentials): Promise<pg.Client> {
    const client = new pg.Client({
      ...{ host, port: Number(port), database: database.name, user: username, password: password.reveal() },
    })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }
  const admits = (credentials: Credentials) =>
    logIn(credentials).then(
      async client => {
        await client.end()
        return true
      },
      (error: unknown) => {
        // 28P01: no such login, or another password. 28000: it may not log in. 42501: it is being taken apart, and the membership
        // by which it may connect has gone first.
        if (error instanceof Error && 'code' in error && /^(?:28|42501)/.test(String(error.code))) return false
        throw error
      },
    )

  return {
    ...{ database, host, port: Number(port), broker: { ...broker, database: database.name }, admin, logIn, admits },
    target: tenant => ({
      ...{ tenant, server: 'main', host, port: Number(port), database: database.name, owner: owner(tenant) },
    }),
    async isGone(credentials) {
      for (const deadline = Date.now() + 5_000; Date.now() < deadline; await sleep(50)) {
        if (!(await admits(credentials))) return true
      }
      return false
    },
    async close() {
      const { rows } = await admin.query<{ rolname: string }>(
        'select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.member where m.roleid in ($1::regrole, $2::regrole)',
        [owner('acme'), owner('globex')],
      )
      // What a test leaves behind on purpose owns things of this database, which go with it.
      for (const { rolname } of rows) {
        if (rolname === broker.username) continue
        await admin.query(`drop owned by "${rolname}" cascade`)
        await admin.query(`drop role "${rolname}"`)
      }
      await admin.query(`drop owned by ${owner('acme')}, ${owner('globex')}, ${broker.username} cascade`)
      for (const role of [owner('acme'), owner('globex'), broker.username]) await admin.query(`drop role ${role}`)
      await admin.end()
    },
  }
}
