import type { Secret } from '@tenantry/core'
import { borrowClient, connectError, type Query, statementError } from '@tenantry/pg'
import pg from 'pg'
import type { DatabaseServer } from '../placement.ts'

/** The login that makes databases and roles on a server: CREATEDB and CREATEROLE, and nothing else. */
export interface ProvisionerLogin {
  readonly username: string
  readonly password: Secret
  /** Where it connects to while it makes others. Default `postgres`. */
  readonly database?: string
}

/** A server, and how to make databases on it. */
export interface ProvisionedServer {
  readonly server: DatabaseServer
  readonly login: ProvisionerLogin
  /** Connections to the database that it begins in, for who provisions more than once. Default one for each time. */
  readonly pool?: pg.Pool
}

/** For {@link ProvisionedServer.pool}. Ended by whoever has opened it; what is idle keeps no process alive. */
export function provisionerPool({ server, login }: ProvisionedServer): pg.Pool {
  const pool = new pg.Pool({ ...configOf({ server, login }, undefined), max: 4, allowExitOnIdle: true })
  // A lost idle connection is none of anybody's business: the pool opens another.
  pool.on('error', ignore)
  return pool
}

/**
 * Works as the provisioner, on a connection of its own, with nothing in the `search_path` but the server's own catalogue.
 *
 * @throws {TenancyError} `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`, `CONFIG_INVALID` for a login that the server does not want. Errors of
 * statements are the server's own.
 */
export async function asProvisioner<T>(
  at: ProvisionedServer,
  database: string | undefined,
  work: (query: Query, client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const { client, end } = await (database === undefined && at.pool !== undefined ? lent(at.pool) : opened(at, database))
  const query: Query = (text, values) =>
    client.query(text, values === undefined ? undefined : [...values]).catch((error: unknown) => {
      throw statementError(error)
    })
  let usable = false
  try {
    const result = await work(query, client)
    usable = true
    return result
  } finally {
    await end(usable)
  }
}

interface Lent {
  readonly client: pg.ClientBase
  /** @param usable - whether all went well, so that somebody else may have it. */
  readonly end: (usable: boolean) => Promise<void>
}

async function lent(pool: pg.Pool): Promise<Lent> {
  const { client, giveBack } = await borrowClient(pool)
  return {
    client,
    async end(usable) {
      // The locks of the session are its only state.
      giveBack(usable && (await client.query('select pg_advisory_unlock_all()').then(yes, no)))
    },
  }
}

const yes = () => true
const no = () => false

async function opened(at: ProvisionedServer, database: string | undefined): Promise<Lent> {
  const client = new pg.Client(configOf(at, database))
  client.on('error', ignore)
  await client.connect().catch((error: unknown) => {
    throw connectError(error)
  })
  return { client, end: () => client.end().catch(ignore) }
}

/** With what a provisioner connects, whatever the owner of the database wants. */
const settings = {
  search_path: 'pg_catalog,pg_temp',
  statement_timeout: 0,
  lock_timeout: 0,
  default_transaction_read_only: 'off',
  row_security: 'on',
}

function configOf({ server, login }: ProvisionedServer, database: string | undefined): pg.ClientConfig {
  return {
    host: server.host,
    port: server.port ?? 5432,
    database: database ?? login.database ?? 'postgres',
    user: login.username,
    password: login.password.reveal(),
    connectionTimeoutMillis: 10_000,
    application_name: 'tenantry provisioner',
    // Who owns a database gives it settings, which hold for whoever connects; what a client asks for stands before them.
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
    ...(server.ssl === undefined ? {} : { ssl: server.ssl }),
  }
}

function ignore(): void {
  // Whoever uses the connection is told by what they wait for.
}

/** All or nothing, on a connection that does other things too. */
export async function together<T>(query: Query, work: () => Promise<T>): Promise<T> {
  await query('begin')
  try {
    const result = await work()
    await query('commit')
    return result
  } catch (error) {
    // Should it fail, the connection is closed next, and the server rolls back.
    await query('rollback').catch(() => undefined)
    throw error
  }
}

/** The same in one message: several statements in one text are one transaction. */
export async function atOnce(query: Query, statements: readonly string[]): Promise<void> {
  await query(statements.join(';\n'))
}
