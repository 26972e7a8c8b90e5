import { isTenancyError, TenancyError } from '@tenantry/core'
import pg from 'pg'

/** Whether the server itself reported this error; its `code` is a SQLSTATE. */
export function isServerError(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError
}

// SQLSTATEs with which the server ends a connection: admin_shutdown, crash_shutdown, cannot_connect_now,
// idle_session_timeout, idle_in_transaction_session_timeout (errcodes, appendix A). Class 08 only when it is fatal: 08P01 is
// also what a statement with too few values gets. The severity may be translated, so it is not asked of the others.
const ended = /^(?:57P0[1235]|25P03)$/
const exception = /^08...$/
const network = /^E(?:CONNREFUSED|CONNRESET|CONNABORTED|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|NOTFOUND|AI_AGAIN)$/
// Errors of `pg` and `pg-pool` carry no code, only these words.
const dropped =
  /^(?:Connection terminated|Client (?:has encountered a connection error|was closed) and is not queryable)/

/** What failed while a connection was asked for. */
export function connectError(error: unknown): unknown {
  if (isTenancyError(error) || !(error instanceof Error)) return error
  if (error.message === 'Cannot use a pool after calling end on the pool') {
    return new TenancyError('SCOPE_CLOSED', { what: 'The pg.Pool' }, { cause: error })
  }
  const state = isServerError(error) ? (error.code ?? '') : ''
  const refusal = refusals[state]
  if (refusal !== undefined) {
    const problems = [`${refusal} (SQLSTATE ${state})`]
    return new TenancyError('CONFIG_INVALID', { source: 'The connection to Postgres', problems }, { cause: error })
  }
  const reason = error.message === noneFree ? 'no connection was free within connectionTimeoutMillis' : reasonOf(error)
  return new TenancyError('DATABASE_UNAVAILABLE', { reason }, { cause: error })
}

const noneFree = 'timeout exceeded when trying to connect'

/** With which the server refuses whoever it does not want, today and tomorrow (errcodes, classes 28 and 3D). */
const refusals: Readonly<Record<string, string>> = {
  '28000': 'the role does not exist, may not log in, or pg_hba.conf does not admit it',
  '28P01': 'the password of the role is wrong',
  '3D000': 'the database does not exist',
}

/**
 * What failed while a statement was on its way. Errors of the statement itself stay what the server made of them.
 *
 * @param caller - the function below which the stack is of interest.
 */
export function statementError(error: unknown, caller?: (...args: never[]) => unknown): unknown {
  if (isTenancyError(error) || !(error instanceof Error)) return error
  const code = codeOf(error)
  const ofServer = isServerError(error)
  const lost = ofServer ? isEnd(error) : network.test(code ?? '') || dropped.test(error.message)
  // Made where the socket was read; whoever is looking for it needs the caller's stack. What the caller's own values and types
  // throw says itself where it comes from, and need not be extensible.
  if ((ofServer || lost) && caller !== undefined && Object.isExtensible(error)) Error.captureStackTrace(error, caller)
  return lost ? new TenancyError('CONNECTION_LOST', { reason: reasonOf(error) }, { cause: error }) : error
}

function isEnd({ code = '', severity }: pg.DatabaseError): boolean {
  return ended.test(code) || (exception.test(code) && severity === 'FATAL')
}

function codeOf(error: Error): string | undefined {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}

/** A code where there is one: messages of the network layer name hosts and ports, which stay in the cause. */
function reasonOf(error: Error): string {
  return codeOf(error) ?? (dropped.exec(error.message)?.[0] || /timeout/i.exec(error.message)?.[0] || 'no connection')
}

/** What an error of a server, or any other, says: for whoever owns the database, since it may quote what is in it. */
export function errorText(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string }
  return [code, message].filter(part => part !== undefined).join(' ') || String(error)
}
