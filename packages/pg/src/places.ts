import { TenancyError } from '@tenantry/core'
import type pg from 'pg'
import { connectError } from './database-error.ts'
import { isReady } from './pg-internals.ts'
import type { Seal } from './scope.ts'
import { isClean, type Session, sessionOf } from './session.ts'
import { isSetUpByHooks, resetSession, type SessionStatePolicy } from './session-state.ts'

/** A connection, for one statement or for as long as a lease lasts. */
export interface Place {
  readonly client: pg.PoolClient
  readonly session: Session
  /** Gives the connection back, at once or when it is reset; one that is not clean is destroyed. */
  leave(): void
}

/**
 * The two ways into a pool. A single statement needs a place for as long as it is on its way and may share it with others; a
 * lease needs a connection of its own.
 */
export interface Places {
  /** @throws {TenancyError} `DATABASE_UNAVAILABLE` */
  forStatement(): Promise<Place>
  /** @throws {TenancyError} `DATABASE_UNAVAILABLE` */
  forLease(): Promise<Place>
}

/** Places where nothing is shared: each takes a whole connection. */
export function exclusivePlaces(pool: pg.Pool, policy: SessionStatePolicy, seal?: Seal): Places {
  function placeOf(client: pg.PoolClient, session: Session): Place {
    function leave(): void {
      session.othersSequences = true
      const clean = isClean(session)
      if (!clean || policy === 'refuse' || !(session.carries || policy === 'always')) client.release(!clean)
      // A reset would undo what the hooks have set, and the next tenant do without.
      else if (isSetUpByHooks(pool)) client.release(true)
      else void resetSession(session).then(usable => client.release(!usable))
    }
    return { client, session, leave }
  }

  /** The place, if the connection is good at once. */
  function placeAt(client: pg.PoolClient): Place | undefined {
    const session = sessionOrRelease(client)
    if (!isClean(session) || (seal?.per === 'connection' && !isFresh(session))) return undefined
    return placeOf(client, session)
  }

  async function prepare(given: pg.PoolClient): Promise<Place> {
    let client = given
    // A new client calls back just before it takes itself for ready.
    await undefined
    // So many times that every connection may be dirty once, but not for ever: a hook may make each new one dirty.
    for (let attempt = 0; attempt <= pool.options.max; attempt++) {
      if (attempt > 0) client = await connect(pool)
      const session = sessionOrRelease(client)
      if (!isReady(client) && session.tainted === undefined) {
        // A listener of the pool's `connect` event may still be setting it up, and the server tells what it has set.
        await drained(client)
        session.carries = false
      }
      const place = placeOf(client, session)
      // Somebody else may use the same pg.Pool and give a connection back in the middle of a transaction.
      if (isClean(session)) {
        if (seal?.per === 'connection' && !isFresh(session)) await introduce(place, seal)
        return place
      }
      client.release(true)
    }
    throw new TenancyError('DATABASE_UNAVAILABLE', { reason: 'every connection was left in a transaction' })
  }

  // Every statement comes through here: one promise, unless something is to be done first.
  function take(): Promise<Place> {
    return new Promise((resolve, reject) => {
      pool.connect((error, client) => {
        if (client === undefined) {
          reject(connectError(error))
          return
        }
        try {
          const place = placeAt(client)
          if (place === undefined) prepare(client).then(resolve, reject)
          else resolve(place)
        } catch (thrown) {
          reject(thrown)
        }
      })
    })
  }

  return { forStatement: take, forLease: take }
}

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

function sessionOrRelease(client: pg.PoolClient): Session {
  try {
    return sessionOf(client)
  } catch (error) {
    client.release(true)
    throw error
  }
}

/** Waits until a client has nothing more to do, or has ended. */
function drained(client: pg.PoolClient): Promise<void> {
  return new Promise(resolve => {
    function done(): void {
      client.removeListener('drain', done)
      client.removeListener('end', done)
      resolve()
    }
    client.on('drain', done)
    client.on('end', done)
  })
}

function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  // pg calls back in the context of whoever gave the connection back; the promise leads back into the caller's.
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => {
      if (client === undefined) reject(connectError(error))
      else resolve(client)
    })
  })
}
