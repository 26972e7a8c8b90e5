import { TenancyError } from '@tenantry/core'
import type pg from 'pg'
import { connectError } from '../database-error.ts'
import type { Seal } from '../statements/scope.ts'
import type { SessionStatePolicy } from '../statements/session-state-policy.ts'
import { noSessionUse } from '../statements/session-trace.ts'
import type { Statement, TenantScope } from '../statements/statement.ts'
import { isReady } from '../wire/pg-internals.ts'
import { type Place, placeOn } from '../wire/place.ts'
import { isClean, type Session, sessionOf } from '../wire/session.ts'
import { keptConnections } from './kept-connections.ts'
import { checkOut, isSetUpByHooks, type Taken, watchOf } from './pool-watch.ts'
import { sharedReads } from './shared-reads.ts'
import type { SharedReadsOptions } from './shared-reads-options.ts'

/**
 * The two ways into a pool. A single statement needs a place for as long as it is on its way and may share it with others; a
 * lease needs a connection of its own.
 */
export interface Places {
  /** @throws {TenancyError} `DATABASE_UNAVAILABLE` */
  forStatement(statement: Statement, scope: TenantScope): Promise<Place>
  /** @throws {TenancyError} `DATABASE_UNAVAILABLE` */
  forLease(): Promise<Place>
}

/** How many connections there are, how many of them are idle, and how many callers wait for one. */
export type PoolCounts = Pick<pg.Pool, 'totalCount' | 'idleCount' | 'waitingCount'>

/** The places of a `pg.Pool`. */
export function poolPlaces(
  pool: pg.Pool,
  policy: SessionStatePolicy,
  seal: Seal | undefined,
  reads: SharedReadsOptions | false,
): { readonly places: Places; readonly counts: () => PoolCounts } {
  const watch = watchOf(pool)
  const kept = keptConnections(pool)
  const isSetUp = () => isSetUpByHooks(pool)

  function placeOf(taken: Taken, session: Session): Place {
    return placeOn(session, policy, usable => (usable ? kept.leave(taken) : taken.release(true)), isSetUp)
  }

  /** The place, if the connection is good at once. */
  function placeAt(taken: Taken): Place | undefined {
    const session = sessionOrRelease(taken)
    if (!isClean(session) || (seal?.per === 'connection' && !isFresh(session))) return undefined
    return placeOf(taken, session)
  }

  async function prepare(first: Taken): Promise<Place> {
    let taken = first
    // A new client calls back just before it takes itself for ready.
    await undefined
    // So many times that every connection may be dirty once, but not for ever: a hook may make each new one dirty.
    for (let attempt = 0; attempt <= pool.options.max; attempt++) {
      if (attempt > 0) taken = await connect(pool)
      const session = sessionOrRelease(taken)
      if (!isReady(taken.client) && session.tainted === undefined) {
        if (watch.isNew(taken.client)) await setUp(taken, session)
        // Somebody has given it back with statements on their way, of which nobody may be waiting for the end, or with a cursor
        // open, which has none.
        else await isDrained(taken.client, leftovers)
      }
      const place = placeOf(taken, session)
      // Somebody else may use the same pg.Pool and give a connection back in the middle of a transaction.
      if (isClean(session)) {
        if (seal?.per === 'connection' && !isFresh(session)) await introduce(place, seal)
        return place
      }
      taken.release(true)
    }
    throw new TenancyError('DATABASE_UNAVAILABLE', { reason: 'every connection was left in a transaction' })
  }

  /** A listener of the pool's `connect` event may still be setting a new connection up. */
  async function setUp({ client, release }: Taken, session: Session): Promise<void> {
    if (await isDrained(client, pool.options.connectionTimeoutMillis || patience)) {
      // The server tells what the hook has set; that is to stay.
      session.carries = false
      return
    }
    session.tainted ??= 'it was not set up in time'
    release(true)
    throw new TenancyError('DATABASE_UNAVAILABLE', { reason: 'the hooks of a new connection did not end in time' })
  }

  /** A connection for one. Without a promise, which each statement would pay for, unless something is to be done first. */
  function own(resolve: (place: Place) => void, reject: (error: unknown) => void): void {
    function given(taken: Taken): void {
      let place: Place | undefined
      try {
        place = placeAt(taken)
      } catch (thrown) {
        reject(thrown)
        return
      }
      if (place === undefined) prepare(taken).then(resolve, reject)
      else resolve(place)
    }
    const left = kept.take()
    if (left === undefined) checkOut(pool, given, error => reject(connectError(error)))
    else given(left)
  }

  let leases = 0

  function forLease(): Promise<Place> {
    leases += 1
    return new Promise((resolve, reject) => {
      own(
        place => {
          leases -= 1
          resolve(place)
        },
        error => {
          leases -= 1
          reject(error)
        },
      )
    })
  }

  /** Of those that wait, some may not be in the queue of the pool: it opens a connection for them. */
  function isLeaseWanted(): boolean {
    return leases > 0 && pool.totalCount >= pool.options.max && pool.idleCount === 0
  }

  function isGood(session: Session): boolean {
    const { status, tainted, disposable, carries } = session
    const asLeft = status === 'I' && tainted === undefined && !disposable && !carries
    return asLeft && (seal?.per !== 'connection' || isFresh(session))
  }
  const shared = canShare(pool, policy, seal, reads)
    ? sharedReads({ pool, options: reads, own, isGood, isLeaseWanted })
    : undefined

  function forStatement({ uses, text, queryTimeout }: Statement, { named }: TenantScope): Promise<Place> {
    // A client that gives up does so on the whole connection, and what is no plain read uses the session.
    const alone = shared === undefined || uses !== noSessionUse || queryTimeout !== undefined || !named
    return alone ? forLease() : shared(text)
  }

  function counts(): PoolCounts {
    const { totalCount, idleCount, waitingCount } = pool
    return { totalCount, idleCount: idleCount + kept.size, waitingCount }
  }

  return { places: { forStatement, forLease }, counts }
}

/**
 * Whether short reads may share connections: not where each statement has a transaction or a reset of its own, where a client-side
 * timeout would end what others wait for, where the pool counts uses, or where a pooler stands between.
 */
function canShare(
  { options }: pg.Pool,
  policy: SessionStatePolicy,
  seal: Seal | undefined,
  reads: SharedReadsOptions | false,
): reads is SharedReadsOptions {
  const counted = (options.maxUses ?? Infinity) < Infinity
  return reads !== false && policy === 'detect' && seal?.per !== 'transaction' && !counted && !options.query_timeout
}

/** Milliseconds that a new connection may take to be set up, where the pool sets no time of its own. */
const patience = 10_000

/** Milliseconds that are left to the statements of somebody who has given their connection back. */
const leftovers = 1_000

// Milliseconds after which a server is asked again: its clock and ours drift apart.
const answerLasts = 60_000

/** Whether the server has answered the seal lately. */
function isFresh({ answer }: Session): boolean {
  return answer !== undefined && performance.now() - answer.asked < answerLasts
}

/** Asks the server what the seal must know of a connection. */
async function introduce({ client, session, leave }: Place, seal: Seal): Promise<void> {
  const asked = performance.now()
  try {
    const { rows } = await client.query<[string], []>({ text: seal.question, rowMode: 'array' })
    session.answer = { text: rows[0]?.[0] ?? '', asked }
  } catch (error) {
    session.tainted ??= 'the server did not answer the question of the seal'
    leave()
    throw connectError(error)
  }
}

function sessionOrRelease({ client, release }: Taken): Session {
  try {
    return sessionOf(client)
  } catch (error) {
    release(true)
    throw error
  }
}

/** Waits until a client has nothing more to do, or has ended; for so long and no longer. */
function isDrained(client: pg.ClientBase, milliseconds: number): Promise<boolean> {
  return new Promise(resolve => {
    function settle(drained: boolean): void {
      clearTimeout(timer)
      client.removeListener('drain', done)
      client.removeListener('end', done)
      resolve(drained)
    }
    const timer = setTimeout(settle, milliseconds, false)
    const done = () => settle(true)
    client.on('drain', done)
    client.on('end', done)
  })
}

function connect(pool: pg.Pool): Promise<Taken> {
  // pg calls back in the context of whoever gave the connection back; the promise leads back into the caller's.
  return new Promise((resolve, reject) => checkOut(pool, resolve, error => reject(connectError(error))))
}
