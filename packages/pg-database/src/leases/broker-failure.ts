import { isTenancyError, TenancyError } from '@tenantry/core'
import pg from 'pg'

/** The name of this source in errors and logs. */
export const sourceName = 'postgres-leases'

// Classes of SQLSTATEs that pass (errcodes, appendix A): transaction rollback, insufficient resources, operator intervention, system
// error; lock_not_available, and read_only_sql_transaction of a standby that is not promoted yet.
const passing = /^(?:40...|53...|57...|58...|55P03|25006)$/

/** What failed at a broker, as the port of credentials says it. What is no failure of the broker stays what it is. */
export function brokerFailure(server: string, error: unknown): unknown {
  const reason = unavailable(error)
  if (reason === undefined) return error
  const details = { source: sourceName, reason: `the broker of server "${server}": ${reason}` }
  return new TenancyError('CREDENTIALS_UNAVAILABLE', details, { cause: error })
}

/** Why a broker cannot be asked now; `undefined` for what is no such failure. */
function unavailable(error: unknown): string | undefined {
  if (isTenancyError(error)) {
    switch (error.code) {
      case 'DATABASE_UNAVAILABLE':
      case 'CONNECTION_LOST':
        return error.details.reason
      case 'CONFIG_INVALID':
        // The server does not want the broker's login: nobody was asked, and once somebody has mended it, the same call succeeds.
        return error.details.problems.join(', ')
      case 'SCOPE_CLOSED':
        return 'its pg.Pool was ended'
      default:
        return undefined
    }
  }
  const state = sqlstate(error)
  if (state !== undefined) return passing.test(state) || isCollision(error) ? `SQLSTATE ${state}` : undefined
  // The `query_timeout` of the caller's pool has no code, only these words.
  return error instanceof Error && error.message === 'Query read timeout' ? 'no answer within query_timeout' : undefined
}

/** Two who change one role at a time are told so by an internal error; whoever comes later finds it settled. */
function isCollision(error: unknown): boolean {
  return error instanceof Error && /^tuple concurrently (?:updated|deleted)$/.test(error.message)
}

/** The server's own code of an error, if it is the server's. */
export function sqlstate(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined
}

/** What the server does not want done, as the port of credentials says it; other errors stay what they are. */
export function refusal(server: string, error: unknown): unknown {
  const state = sqlstate(error)
  if (state === undefined) return error
  return refused(`the broker of server "${server}": ${(error as Error).message}, SQLSTATE ${state}`, error)
}

/** An answer that gives nothing. */
export function refused(reason: string, cause?: unknown): TenancyError {
  return new TenancyError('CREDENTIALS_REFUSED', { source: sourceName, reason }, cause === undefined ? {} : { cause })
}
