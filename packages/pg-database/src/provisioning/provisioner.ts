import type { Secret } from '@tenantry/core'
import { connectError, type Query, statementError } from '@tenantry/pg'
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
}

/**
 * Works as the provisioner, on a connection of its own, with nothing in the `search_path` but the server's own catalogue.
 *
 * @throws {TenancyError} `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`, `CONFIG_INVALID` for a login that the server does not want. Errors of
 * statements are the server's own.
 */
export async function asProvisioner<T>(
  { server, login }: ProvisionedServer,
  database: string | undefined,
  work: (query: Query, client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    host: server.host,
    port: server.port ?? 5432,
    database: database ?? login.database ?? 'postgres',
    user: login.username,
    password: login.password.reveal(),
    connectionTimeoutMillis: 10_000,
    application_name: 'tenantry provisioner',
    // Who owns a database gives it settings, which hold for whoever connects; what a client asks for stands before them.
    options: '-c statement_timeout=0 -c lock_timeout=0 -c default_transaction_read_only=off -c row_security=on',
    ...(server.ssl === undefined ? {} : { ssl: server.ssl }),
  })
  // Whoever uses it is told by what they wait for.
  client.on('error', () => undefined)
  const query: Query = (text, values) =>
    client.query(text, values === undefined ? undefined : [...values]).catch((error: unknown) => {
      throw statementError(error)
    })
  try {
    await client.connect().catch((error: unknown) => {
      throw connectError(error)
    })
    await query('set search_path = pg_catalog, pg_temp')
    return await work(query, client)
  } finally {
    await client.end().catch(() => undefined)
  }
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
