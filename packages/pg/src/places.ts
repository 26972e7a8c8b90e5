import { TenancyError } from '@tenantry/core'
import type pg from 'pg'
import { connectError } from './database-error.ts'
import { isReady } from './pg-internals.ts'
import type { Seal } from './scope.ts'
import { isClean, type Session, sessionOf } from './session.ts'

/** A connection, for one statement or for as long as a lease lasts. */
export interface Place {
  readonly client: pg.PoolClient
  readonly session: Session
  /** Gives the connection back; one that is not clean is destroyed. */
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
export function exclusivePlaces(pool: pg.Pool, seal?: Seal): Places {
  async function take(): Promise<Place> {
    // So many times that every connection may be dirty once, but not for ever: a hook may make each new one dirty.
    for (let attempt = 0; attempt <= pool.options.max; attempt++) {
      const client = await connect(pool)
      const session = sessionOrRelease(client)
      // A listener of the pool's `connect` event may still be setting it up.
      if (!isReady(client) && session.tainted === undefined) await drained(client)
      const leave = (): void => client.release(!isClean(session))
      // Somebody else may use the same pg.Pool and give a connection back in the middle of a transaction.
      if (isClean(session)) {
        if (seal?.per === 'connection') await introduce(client, session, seal, leave)
        return { client, session, leave }
      }
      leave()
    }
    throw new TenancyError('DATABASE_UNAVAILABLE', { reason: 'every connection was left in a transaction' })
  }
  return { forStatement: take, forLease: take }
}

// Milliseconds after which a server is asked again: its clock and ours drift apart.
const answerLasts = 60_000

/** Asks the server what the seal must know of a connection, unless it has said so lately. */
async function introduce(client: pg.PoolClient, session: Session, seal: Seal, leave: () => void): Promise<void> {
  const asked = performance.now()
  if (session.answer !== undefined && asked - session.answer.asked < answerLasts) return
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
