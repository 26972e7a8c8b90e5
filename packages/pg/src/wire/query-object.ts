import { AsyncResource } from 'node:async_hooks'
import { TenancyError } from '@tenantry/core'
import type pg from 'pg'
import { statementKind } from '../statements/statement-kind.ts'
import { WireQueryBase, wireOf } from './pg-internals.ts'
import type { Session } from './session.ts'

// The callbacks through which `pg` drives a query object with a protocol of its own.
const handlers = [
  ...['handleRowDescription', 'handleDataRow', 'handlePortalSuspended', 'handleCommandComplete', 'handleReadyForQuery'],
  ...['handleError', 'handleEmptyQuery', 'handleCopyInResponse', 'handleCopyData', 'emit', 'submit'],
]

// What a caller calls on one, with callbacks.
const methods = ['read', 'close']

type AnyFunction = (...args: unknown[]) => unknown

/** The text of a query object, as far as it is known. */
export function textOf(query: pg.Submittable): string {
  const { text } = query as { text?: unknown }
  return typeof text === 'string' ? text : ''
}

/**
 * What a cursor, stream or COPY would do to its transaction is refused as it is for a statement, as far as its text is known.
 *
 * @throws {TenancyError} `STATEMENT_REFUSED`
 */
export function checkSubmittable(query: pg.Submittable): void {
  // It would send its text by the simple protocol, in which several statements stand in one text, COMMIT among them.
  if (query instanceof WireQueryBase) {
    throw new TenancyError('STATEMENT_REFUSED', {
      statement: 'A pg.Query object',
      reason: 'its text may hold several statements',
      advice: 'Give the text and its values to query().',
    })
  }
  const kind = statementKind(textOf(query))
  if (kind.kind === 'ordinary' || (kind.kind === 'refused' && kind.statement === 'COPY')) return
  const { statement, reason, advice } =
    kind.kind === 'refused'
      ? kind
      : {
          statement: 'Transaction control in a cursor or stream',
          reason: 'it would end or change the transaction that carries it',
          advice: 'Give it to query().',
        }
  throw new TenancyError('STATEMENT_REFUSED', { statement, reason, advice })
}

/** Handlers run in the context of this call, callbacks in that of the call that they were given to. */
export function bindToContext(query: pg.Submittable): void {
  const target = query as unknown as Record<string, AnyFunction | undefined>
  for (const name of handlers) {
    const handler = target[name]
    if (typeof handler === 'function') target[name] = AsyncResource.bind(handler, name, query) as AnyFunction
  }
  for (const name of methods) {
    const method = target[name]
    if (typeof method !== 'function') continue
    target[name] = (...args) =>
      method.apply(
        query,
        args.map(arg => (typeof arg === 'function' ? AsyncResource.bind(arg as AnyFunction) : arg)),
      )
  }
}

// What the server may still answer to a query that has failed on our side.
const answers = ['handleRowDescription', 'handleDataRow', 'handlePortalSuspended', 'handleCommandComplete']

/** What the caller's types throw fails the query, instead of ending the process; `close` ends with the connection. */
export function settleInAnyCase(query: pg.Submittable, session: Session): void {
  const target = query as unknown as Record<string, AnyFunction | undefined>
  let failed = false
  for (const name of answers) {
    const handler = target[name]
    if (typeof handler !== 'function') continue
    target[name] = (...args) => {
      if (failed) return
      try {
        handler.apply(query, args)
      } catch (error) {
        failed = true
        session.tainted ??= 'a type or a listener of a cursor or stream threw'
        target.handleError?.call(query, error, wireOf(session.client))
      }
    }
  }
  const { close } = target
  if (typeof close !== 'function') return
  target.close = callback => {
    const closed = endOf(session, done => close.call(query, done))
    if (typeof callback !== 'function') return closed
    closed.then(
      () => process.nextTick(callback),
      (error: unknown) => process.nextTick(callback, error),
    )
    return undefined
  }
}

/** A promise of what calls back when the server answers, or of the end of the connection. */
function endOf(session: Session, work: (done: (error?: unknown) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    function done(error?: unknown): void {
      session.client.removeListener('end', done)
      if (error instanceof Error) reject(error)
      else resolve()
    }
    if (session.ended) {
      resolve()
      return
    }
    session.client.on('end', done)
    work(done)
  })
}
