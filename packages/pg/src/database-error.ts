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
  return new TenancyError('DATABASE_UNAVAILABLE', { reason: reasonOf(error) }, { cause: error })
}

/** What failed while a statement was on its way. Errors of the statement itself stay what the server made of them. */
export function statementError(error: unknown): unknown {
  if (isTenancyError(error) || !(error instanceof Error)) return error
  const code = codeOf(error)
  const lost = isServerError(error) ? isEnd(error) : network.test(code ?? '') || dropped.test(error.message)
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
