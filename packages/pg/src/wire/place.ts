import type pg from 'pg'
import type { SessionStatePolicy } from '../statements/session-state-policy.ts'
import { isClean, type Session } from './session.ts'
import { resetSession } from './session-state.ts'

/** A connection, for one statement or for as long as a lease lasts. */
export interface Place {
  readonly client: pg.ClientBase
  readonly session: Session
  /**
   * Gives the connection back, at once or when it is reset; one that is not clean is destroyed.
   *
   * @param answered - whether the statement was answered, for whoever learns from it how long it takes.
   */
  leave(answered?: boolean): void
  /** Whether a statement failed with this error because it gave way to those behind it: it is to be run again, by itself. */
  gaveWay?(error: unknown): boolean
}

/**
 * A place on a connection.
 *
 * @param left - told once, when the place is left, whether somebody else may use the connection.
 * @param isSetUp - whether hooks have set the connection up: a reset would undo that, and the next tenant do without.
 */
export function placeOn(
  session: Session,
  policy: SessionStatePolicy,
  left: (usable: boolean) => void,
  isSetUp: () => boolean = () => false,
): Place {
  function leave(): void {
    session.othersSequences = true
    if (!isClean(session)) left(false)
    else if (policy === 'refuse' || !(session.carries || policy === 'always')) left(true)
    else if (isSetUp()) left(false)
    else void resetSession(session).then(left)
  }
  return { client: session.client, session, leave }
}
