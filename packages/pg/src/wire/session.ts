import { TenancyError } from '@tenantry/core'
import type pg from 'pg'
import { destroySocket, isReady, type TransactionStatus, wireOf } from './pg-internals.ts'
import { createStatementNames, type StatementNames } from './statement-names.ts'

/** A statement on its way: told of what the connection sees. */
export interface InFlight {
  /** The server accepted one of the Parse messages of this statement. */
  parsed(): void
  /** The server is done with this statement and ready for the next. */
  finished(): void
  /** The connection is gone. */
  lost(error: Error): void
}

/** What is known of one server connection, for as long as it lives. */
export interface Session {
  readonly client: pg.ClientBase
  /** The transaction status that the server reported last. */
  status: TransactionStatus
  /** Statements that were written and not yet answered to the end, oldest first. */
  readonly inFlight: InFlight[]
  readonly names: StatementNames
  /** Set when nobody knows what the connection does, with the reason. Nothing more is sent. */
  tainted: string | undefined
  /** Whether the connection is gone. */
  ended: boolean
  /** What the server said of itself when a seal asked, and when that was, on the clock of `performance.now()`. */
  answer: { readonly text: string; readonly asked: number } | undefined
  /** The proof of the transaction that is open. It holds for this transaction's time, so that it is made once. */
  proof: string | undefined
  /** Set when something may have kept the connection: it works for its lease, and is destroyed at the end of it. */
  disposable: boolean
  /** Set when somebody may have left state in the session: it is reset before somebody else gets the connection. */
  carries: boolean
  /** Set when the server may remember the last value that a sequence gave to somebody else. */
  othersSequences: boolean
}

const sessions = new WeakMap<pg.ClientBase, Session>()

/**
 * The session of a client; made at its first use.
 *
 * @throws {TenancyError} `CONFIG_INVALID` for a client without the JavaScript protocol (`pg-native`).
 */
export function sessionOf(client: pg.ClientBase): Session {
  const known = sessions.get(client)
  if (known !== undefined) return known
  const wire = wireOf(client)
  if (wire === undefined) {
    throw new TenancyError('CONFIG_INVALID', {
      source: 'The pg.Pool',
      problems: ['pg-native cannot scope statements; use the JavaScript client'],
    })
  }
  const session: Session = {
    client,
    status: client.getTransactionStatus() ?? 'I',
    inFlight: [],
    names: createStatementNames(),
    tainted: undefined,
    ended: false,
    answer: undefined,
    proof: undefined,
    disposable: false,
    carries: false,
    othersSequences: false,
  }
  // First in line: the client's own listener starts the next statement, which must not be taken for the finished one.
  wire.prependListener('readyForQuery', (message: { status: TransactionStatus }) => {
    session.status = message.status
    if (message.status === 'I') session.proof = undefined
    session.inFlight.shift()?.finished()
    if (session.inFlight.length === 0) return
    // What stands behind it would run in its transaction, and be rolled back with it, or with what it has set.
    if (message.status !== 'I') giveUp(session, 'a statement in front left a transaction open')
    else if (session.carries) giveUp(session, 'a statement in front changed the session')
  })
  wire.on('parseComplete', () => session.inFlight[0]?.parsed())
  // The server says so itself: a setting that it reports has another value, or somebody has made the session listen.
  for (const event of ['parameterStatus', 'notification']) wire.on(event, () => (session.carries = true))
  wire.on('end', () => {
    session.ended = true
    session.tainted ??= 'the connection ended'
    for (const statement of session.inFlight.splice(0)) statement.lost(new Error('Connection terminated unexpectedly'))
  })
  // Without a listener a lost connection would end the process; those who wait for an answer hear of it in any case.
  client.on('error', error => {
    session.tainted ??= error.message
  })
  sessions.set(client, session)
  return session
}

/** Ends a connection at once, and all that waits for an answer on it: nobody could say any more whose it is. */
export function giveUp(session: Session, reason: string): void {
  session.tainted ??= reason
  for (const statement of session.inFlight.splice(0)) statement.lost(new TenancyError('CONNECTION_LOST', { reason }))
  destroySocket(session.client)
}

/** Whether the next tenant may have this connection: idle, nothing on its way or in its queue, nothing odd seen. */
export function isClean({ client, status, inFlight, tainted, disposable }: Session): boolean {
  return status === 'I' && inFlight.length === 0 && tainted === undefined && !disposable && isReady(client)
}
