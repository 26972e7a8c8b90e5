import { isTenancyError, type LoginTarget, TenancyError } from '@tenantry/core'
import { cancelStatement, connectError, destroySocket, forgetPassword, sessionOf } from '@tenantry/pg'
import pg from 'pg'
import { checkIdentity } from '../identity.ts'
import type { Login, LoginKeeper } from '../logins/login-keeper.ts'
import type { DatabasePlacement, DatabaseServer } from '../placement.ts'
import type { ConnectGate } from './connect-gate.ts'
import type { Connection } from './connection.ts'

/** What opening a connection to a tenant's database takes. */
export interface OpeningTerms {
  readonly target: LoginTarget
  readonly placement: DatabasePlacement
  readonly server: DatabaseServer
  readonly logins: LoginKeeper
  readonly gate: ConnectGate
  /** Milliseconds. */
  readonly connectTimeout: number
  /** As the server sees it in `pg_stat_activity`. */
  readonly applicationName: string | undefined
}

/**
 * invalid_authorization_specification, invalid_password; insufficient_privilege of a login that was made for an owner role which has gone
 * since, and been made anew. Nothing was sent yet, so that it can be tried again.
 */
const refusedLogin = /^(?:28000|28P01|42501)$/

/**
 * Opens a connection to a tenant's database with the tenant's login, and sees that it is there. A login that the server does not take
 * is forgotten, and another one tried, once.
 *
 * @throws {TenancyError} `IDENTITY_MISMATCH`, `TENANT_STORE_MISSING` when there is no database, `TENANT_SUSPENDED` when it lets no login
 * of the tenant in, `CREDENTIALS_UNAVAILABLE`,
 * `CREDENTIALS_REFUSED`, `DATABASE_UNAVAILABLE`, `CONFIG_INVALID` when the server wants neither login.
 */
export async function openConnection(terms: OpeningTerms): Promise<Connection> {
  try {
    return await attempt(terms)
  } catch (error) {
    if (!refusedLogin.test(codeOf(error))) throw told(error, terms)
  }
  try {
    return await attempt(terms)
  } catch (error) {
    throw told(error, terms)
  }
}

async function attempt(terms: OpeningTerms): Promise<Connection> {
  const { logins, gate } = terms
  const login = await logins.take()
  // From now on, not from when it connects: until then it waits for its turn, and meanwhile the login could be revoked.
  logins.opened(login)
  try {
    return await gate.enter(() => connect(terms, login))
  } catch (error) {
    logins.closed(login)
    if (refusedLogin.test(codeOf(error))) logins.rejected(login)
    throw error
  }
}

async function connect(terms: OpeningTerms, login: Login): Promise<Connection> {
  const { target, placement, server, logins } = terms
  // Never as a URL: what is in a name could be read as an option (threats R39).
  const client = new pg.Client({
    host: target.host,
    port: target.port,
    database: target.database,
    user: login.credentials.username,
    password: login.credentials.password.reveal(),
    connectionTimeoutMillis: terms.connectTimeout,
    ...(server.ssl === undefined ? {} : { ssl: server.ssl }),
    ...(terms.applicationName === undefined ? {} : { application_name: terms.applicationName }),
    keepAlive: true,
  })
  // Whoever waits for it is told; without a listener the loss of a connection would end the process.
  client.on('error', ignore)
  const ended = new Promise<void>(resolve => void client.once('end', resolve))
  try {
    await client.connect()
    forgetPassword(client)
    await checkIdentity(client, target.tenant, placement)
  } catch (error) {
    await end(client, ended)
    throw error
  }
  void ended.then(() => logins.closed(login))
  const session = sessionOf(client)
  let closing: Promise<void> | undefined
  const connection: Connection = {
    session,
    login,
    retired: login.retired,
    ...{ idleSince: 0, openedAt: performance.now() },
    close: () => (closing ??= end(client, ended)),
  }
  return connection
}

/** Milliseconds that a server has to say goodbye. */
const patience = 2_000

/**
 * Ends a connection, and resolves when the server has let go of it: what it is still doing is cancelled, or it would go on for as long
 * as that takes, and nobody would count it.
 */
async function end(client: pg.Client, ended: Promise<void>): Promise<void> {
  const timer = setTimeout(() => destroySocket(client), patience)
  const session = sessionOf(client)
  if (session.inFlight.length > 0 && !session.ended) {
    session.tainted ??= 'it was closed'
    const drained = new Promise<void>(resolve => void client.once('drain', resolve))
    await cancelStatement(client)
    await Promise.race([drained, ended])
  }
  client.end().catch(ignore)
  await ended
  clearTimeout(timer)
}

function ignore(): void {
  // Told by what is waited for.
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : ''
}

/** What the caller is told of a connection that could not be opened. */
function told(error: unknown, { target }: OpeningTerms): unknown {
  if (isTenancyError(error)) return error
  // It was asked with two logins. The database is there, and lets none of the tenant's in: its fence.
  if (codeOf(error) === '42501')
    return new TenancyError('TENANT_SUSPENDED', { tenant: target.tenant }, { cause: error })
  const reason = reasons[codeOf(error)]
  if (reason === undefined) return connectError(error)
  const { tenant } = target
  return new TenancyError('TENANT_STORE_MISSING', { tenant, isolation: 'pg-database', reason }, { cause: error })
}

const reasons: Readonly<Record<string, string | undefined>> = {
  '3D000': 'there is no such database',
  '55000': 'the database takes no connections',
}
