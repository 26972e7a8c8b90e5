import type { LoginTarget } from '@tenantry/core'
import type { OpenbaoSettings } from './check-options.ts'
import type { EntryNames } from './entry-names.ts'
import type { VaultAnswer } from './exchange.ts'
import { refused, unavailable } from './failures.ts'
import { loginStatements } from './login-statements.ts'
import type { OpenbaoManagedServer } from './openbao-options.ts'
import { readConnection } from './read-answers.ts'
import type { VaultSession } from './vault-session.ts'

/** What the engine has to know before it can issue: OpenBAO, "Database secrets engine (API)". */
export interface DatabaseEntries {
  /** Makes or mends the server's connection and the tenant's role. Idempotent. */
  write(target: LoginTarget): Promise<void>
  /** Takes away the tenant's role. Leases have their own copy of what revokes them. Idempotent. */
  removeRole(target: LoginTarget): Promise<void>
}

/**
 * One connection for each server, as roles of Postgres belong to the whole server, and one role for each tenant.
 *
 * All throw `CREDENTIALS_REFUSED` and `CREDENTIALS_UNAVAILABLE`.
 */
export function databaseEntries(settings: OpenbaoSettings, session: VaultSession, names: EntryNames): DatabaseEntries {
  const { mount, lifetime, maxLifetime } = settings

  async function put(path: string, body: object): Promise<void> {
    const { answer } = await session.ask({ method: 'POST', path, body }, true)
    mustBeDone(`POST ${path}`, answer)
  }

  /** Written only where it differs: a write makes the engine connect anew, with the password that we know. */
  async function writeConnection(server: string, wanted: OpenbaoManagedServer): Promise<string> {
    const name = names.connection(server)
    const path = `${mount}/config/${name}`
    const { password, ...readable } = connectionOf(wanted, names.allowedRoles(server))
    const { answer } = await session.ask({ method: 'GET', path }, true)
    if (answer.status !== 404) mustBeDone(`GET ${path}`, answer)
    if (answer.status === 404 || !isLike(readConnection(answer), readable)) {
      await put(path, { ...readable, password: password.reveal() })
    }
    return name
  }

  return {
    async write(target) {
      const server = settings.servers[target.server]
      if (!server) throw refused(`the server "${target.server}" is not among the servers of its options`)
      const statements = loginStatements(target.owner)
      const connection = 'connection' in server ? server.connection : await writeConnection(target.server, server)
      await put(`${mount}/roles/${names.role(target)}`, {
        db_name: connection,
        ...statements,
        default_ttl: lifetime / 1000,
        max_ttl: maxLifetime / 1000,
      })
    },
    async removeRole(target) {
      const path = `${mount}/roles/${names.role(target)}`
      const { answer } = await session.ask({ method: 'DELETE', path }, true)
      // 404 is the mount: where there is no engine, there is no role.
      if (answer.status !== 404) mustBeDone(`DELETE ${path}`, answer)
    },
  }
}

function connectionOf(server: OpenbaoManagedServer, allowedRole: string) {
  const { host, port, username, password, database = 'postgres', sslmode = 'verify-full' } = server
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return {
    plugin_name: 'postgresql-database-plugin',
    allowed_roles: [allowedRole],
    connection_url: `postgresql://{{username}}:{{password}}@${place}/${encodeURIComponent(database)}?sslmode=${sslmode}`,
    username,
    // OpenBAO hashes the passwords that it makes, so that none stands in the statements that Postgres may log.
    password_authentication: 'scram-sha-256',
    password,
  }
}

/** What is read of a URL may have its password struck out, so that only what follows it is compared. */
function isLike(found: Readonly<Record<string, unknown>>, wanted: Readonly<Record<string, unknown>>): boolean {
  const comparable = (value: unknown) =>
    JSON.stringify(typeof value === 'string' ? value.replace(/^\w+:\/\/[^@]*@/, '') : value)
  return Object.entries(wanted).every(([key, value]) => comparable(found[key]) === comparable(value))
}

function mustBeDone(place: string, { status }: VaultAnswer): void {
  if (status < 300) return
  if (status === 400)
    throw refused(`${place} answers 400: the engine does not take it, or cannot connect to the server`)
  if (status === 404) throw refused(`${place} answers 404: no database secrets engine is mounted there`)
  throw unavailable(`${place}: it answers ${status}`)
}
