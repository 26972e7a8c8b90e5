import type pg from 'pg'
import { connectError } from './database-error.ts'
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
export function exclusivePlaces(pool: pg.Pool): Places {
  async function take(): Promise<Place> {
    for (;;) {
      const client = await connect(pool)
      const session = sessionOf(client)
      const leave = (): void => client.release(!isClean(session))
      // Somebody else may use the same pg.Pool and give a connection back in the middle of a transaction.
      if (isClean(session)) return { client, session, leave }
      leave()
    }
  }
  return { forStatement: take, forLease: take }
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
