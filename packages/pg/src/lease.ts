import { AsyncResource } from 'node:async_hooks'
import type { EventEmitter } from 'node:events'
import { TenancyError } from '@tenantry/core'
import pg from 'pg'
import { callBack } from './call-back.ts'
import { statementError } from './database-error.ts'
import { isSubmittable, readArguments, readStatement } from './statements/query-arguments.ts'
import { sessionUse } from './statements/session-trace.ts'
import type { Statement, TenantScope } from './statements/statement.ts'
import type { Place } from './wire/place.ts'
import { bindToContext, checkSubmittable, settleInAnyCase, textOf } from './wire/query-object.ts'
import { plainStatement, runStatement } from './wire/run-statement.ts'
import { ScopedQuery, send } from './wire/scoped-query.ts'
import { checkTrace } from './wire/session-state.ts'

/** A connection leased to a tenant: the part of `pg.PoolClient` that ORMs use. Dead after `release()`. */
export interface TenantClient
  extends Pick<pg.PoolClient, 'query' | 'release' | 'escapeIdentifier' | 'escapeLiteral' | 'getTransactionStatus'> {
  /** Hears of notices and the end of the connection, in the context of this call, until the lease is released. */
  on(event: string, listener: (...args: never[]) => void): this
  once(event: string, listener: (...args: never[]) => void): this
  off(event: string, listener: (...args: never[]) => void): this
  addListener(event: string, listener: (...args: never[]) => void): this
  removeListener(event: string, listener: (...args: never[]) => void): this
}

/** What a lease needs of the pool that gives it. */
export interface LeaseTerms {
  readonly place: Place
  readonly scope: TenantScope
  /** Throws when the unit of work that uses the lease is not the one that it was given to, or the handle is closed. */
  check(): void
}

type AnyFunction = (...args: unknown[]) => unknown

/** Hands a connection out to a tenant, never the client itself: a client that is kept would work for the next tenant. */
export function createLease({ place, scope, check }: LeaseTerms): TenantClient {
  const { client, session } = place
  const listeners: { event: string; listener: AnyFunction; bound: AnyFunction }[] = []
  let open = true
  let waiting = 0

  function checkOpen(): void {
    if (!open) throw new TenancyError('SCOPE_CLOSED', { what: 'A database connection' })
  }

  // A statement that is given a transaction of its own is several messages, which no other may come between.
  let last: Promise<unknown> = Promise.resolve()
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (scope.seal?.per !== 'transaction') return work()
    const now = last.then(work, work)
    last = now
    return now
  }

  async function run(statement: Statement): Promise<pg.QueryResult> {
    checkOpen()
    check()
    if (session.tainted !== undefined) throw new TenancyError('CONNECTION_LOST', { reason: session.tainted })
    waiting += 1
    try {
      return (await inTurn(() => runStatement(place, statement, scope, 'lease'))).result()
    } catch (error) {
      throw statementError(error, run)
    } finally {
      waiting -= 1
    }
  }

  /** Cursors, streams and COPY speak the protocol themselves, so that the tenant must stand in the transaction already. */
  function submit(query: pg.Submittable): pg.Submittable {
    checkOpen()
    check()
    checkSubmittable(query)
    checkTrace(sessionUse(textOf(query)).leaves, scope.sessionState)
    if (session.tainted !== undefined) throw new TenancyError('CONNECTION_LOST', { reason: session.tainted })
    if (session.status !== 'T' || waiting > 0) {
      throw new TenancyError('STATEMENT_REFUSED', {
        statement: 'A cursor, stream or COPY',
        reason: 'it carries no tenant of its own',
        advice: 'Await BEGIN and every other statement of this connection first; then it runs in their transaction.',
      })
    }
    // It keeps the connection and could go on using it after the release.
    session.disposable = true
    bindToContext(query)
    settleInAnyCase(query, session)
    // The transaction has the tenant since BEGIN, unless it was chained to another one, or a statement has called set_config.
    // Should this fail, the transaction is aborted, and with it the query that follows.
    send(client, session, new ScopedQuery(plainStatement('ordinary', ''), scope, session)).catch(error => {
      session.tainted ??= messageOf(error)
    })
    return client.query(query)
  }

  function query(...args: unknown[]): unknown {
    const given = readArguments(args)
    if (isSubmittable(given.config)) return submit(given.config)
    return callBack((async () => run(readStatement(given)))(), given.callback)
  }

  function listen(method: 'on' | 'once') {
    return function add(this: TenantClient, event: string, listener: AnyFunction): TenantClient {
      checkOpen()
      // `this` of a listener is its emitter, which would be the client.
      const bound = AsyncResource.bind(listener, event, lease) as AnyFunction
      listeners.push({ event, listener, bound })
      const emitter: EventEmitter = client
      emitter[method](event, bound)
      return lease
    }
  }

  function unlisten(event: string, listener: AnyFunction): TenantClient {
    const at = listeners.findIndex(entry => entry.event === event && entry.listener === listener)
    const [entry] = at === -1 ? [] : listeners.splice(at, 1)
    if (entry !== undefined) client.removeListener(event, entry.bound)
    return lease
  }

  const lease = {
    query,
    release(error?: Error | boolean) {
      checkOpen()
      open = false
      for (const { event, bound } of listeners.splice(0)) client.removeListener(event, bound)
      if (error !== undefined && error !== false && error !== null) session.tainted ??= 'released with an error'
      place.leave()
    },
    getTransactionStatus: () => {
      checkOpen()
      return session.status
    },
    escapeIdentifier: pg.escapeIdentifier,
    escapeLiteral: pg.escapeLiteral,
    on: listen('on'),
    once: listen('once'),
    off: unlisten,
    addListener: listen('on'),
    removeListener: unlisten,
  } as unknown as TenantClient
  return lease
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
