import { randomBytes } from 'node:crypto'
import { withClient } from '@tenantry/servers'
import type pg from 'pg'
import { scramPassword } from './scram-password.ts'

export type Fields = Readonly<Record<string, unknown>>

/** What revokes a login: the role's statements, or those of a role that is gone, kept with the lease. */
export interface Revocation {
  readonly connection: string
  readonly statements: readonly string[]
}

/** A mounted database secrets engine with the plugin for Postgres. */
export interface DatabaseEngine {
  readonly configs: Map<string, Fields>
  readonly roles: Map<string, Fields>
  /** @throws Error when Postgres cannot be connected to. */
  verify(config: Fields): Promise<void>
  createLogin(role: string, end: number): Promise<{ username: string; password: string; revocation: Revocation }>
  extendLogin(role: string, username: string, end: number): Promise<void>
  revokeLogin(role: string, username: string, kept: Revocation): Promise<void>
}

const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : [])

/** The plugin cuts at ";", except where it sees a block by the word END. */
const cut = (statement: string): readonly string[] =>
  /\bEND\b/.test(statement.replaceAll(/"[^"]*"|'[^']*'/g, ''))
    ? [statement]
    : statement.split(';').filter(part => part.trim() !== '')

export function databaseEngine(): DatabaseEngine {
  const configs = new Map<string, Fields>()
  const roles = new Map<string, Fields>()

  async function connected<T>(config: Fields | undefined, work: (client: pg.Client) => Promise<T>): Promise<T> {
    if (!config) throw new Error('no such connection')
    const fill: Fields = { '{{username}}': config.username, '{{password}}': config.password }
    const connectionString = String(config.connection_url).replaceAll(/\{\{\w+\}\}/g, name =>
      encodeURIComponent(String(fill[name])),
    )
    return withClient(connectionString, work)
  }

  /** All in one transaction, as the plugin does it. */
  const run = (connection: string, statements: readonly string[], values: Readonly<Record<string, string>>) =>
    connected(configs.get(connection), async client => {
      await client.query('begin')
      for (const statement of statements.flatMap(cut)) {
        await client.query(statement.replaceAll(/\{\{(\w+)\}\}/g, (whole, key: string) => values[key] ?? whole))
      }
      await client.query('commit')
    })

  const until = (end: number) => ({ expiration: new Date(end + 5_000).toISOString() })

  return {
    configs,
    roles,
    verify: config => connected(config, async client => void (await client.query('select 1'))),
    async createLogin(role, end) {
      const fields = roles.get(role)
      const connection = String(fields?.db_name)
      const config = configs.get(connection)
      if (!texts(config?.allowed_roles).some(glob => role.startsWith(glob.replace(/\*$/, '')))) {
        throw new Error(`"${role}" is not an allowed role`)
      }
      const username = `v-approle-${role.slice(0, 8)}-${randomBytes(10).toString('hex')}-${Math.floor(Date.now() / 1000)}`
      const password = `${randomBytes(9).toString('base64url')}-A1`
      const sent = config?.password_authentication === 'scram-sha-256' ? scramPassword(password) : password
      const values = { name: username, username, password: sent, ...until(end) }
      await run(connection, texts(fields?.creation_statements), values)
      return { username, password, revocation: { connection, statements: texts(fields?.revocation_statements) } }
    },
    async extendLogin(role, username, end) {
      const connection = String(roles.get(role)?.db_name)
      await run(connection, [`ALTER ROLE "{{name}}" VALID UNTIL '{{expiration}}'`], { name: username, ...until(end) })
    },
    async revokeLogin(role, username, kept) {
      const fields = roles.get(role)
      const statements = fields ? texts(fields.revocation_statements) : kept.statements
      const connection = fields ? String(fields.db_name) : kept.connection
      await run(connection, statements, { name: username, username })
    },
  }
}
