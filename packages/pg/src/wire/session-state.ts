import { TenancyError } from '@tenantry/core'
import type { SessionStatePolicy } from '../statements/session-state-policy.ts'
import type { SessionTrace } from '../statements/session-trace.ts'
import { isClean, type Session } from './session.ts'

// In this order: the role goes back to the one of the connection only once the session's user has. Not DISCARD ALL, which would
// take the prepared statements that this package and `pg` count on. Those that SQL has made are counted by the server. RESET
// goes back to what the connection was opened with (startup options, ALTER ROLE … SET), not to the server's defaults.
const resetText = [
  'reset session authorization',
  'reset role',
  'reset all',
  'close all',
  'unlisten *',
  'discard temp',
  'discard sequences',
  // The function behind the view pg_prepared_statements, which takes less planning.
  'select pg_catalog.pg_advisory_unlock_all(), exists (select from pg_catalog.pg_prepared_statement() where from_sql) as prepared',
].join('; ')

/** Milliseconds; a server that takes longer is not waited for. */
const patience = 5_000

/** Resets a connection in its own time. Resolves with whether it may be used again. */
export async function resetSession(session: Session): Promise<boolean> {
  try {
    const config = { text: resetText, query_timeout: patience }
    // Several statements have as many results, which the types of `pg` do not know.
    const results: unknown = await session.client.query(config)
    session.carries = false
    session.othersSequences = false
    return Array.isArray(results) && results.at(-1)?.rows[0]?.prepared === false && isClean(session)
  } catch (error) {
    session.tainted ??= `its reset failed: ${error instanceof Error ? error.message : String(error)}`
    return false
  }
}

/** @throws {TenancyError} `STATEMENT_REFUSED` for what would stay in a session that cannot be reset. */
export function checkTrace(trace: SessionTrace, policy: SessionStatePolicy): void {
  if (policy !== 'refuse' || trace === 'none' || trace === 'possible') return
  throw new TenancyError('STATEMENT_REFUSED', {
    statement: 'What may leave state in the session',
    reason: 'the session belongs to a pooler and cannot be reset',
    advice: 'Use SET LOCAL, pg_advisory_xact_lock() or a common table expression, or a pg.Client of your own.',
  })
}
