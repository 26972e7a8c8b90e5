import type pg from 'pg'
import { connectError } from '../database-error.ts'

/** A connection of a pool, until it is given back. */
export interface BorrowedClient {
  readonly client: pg.PoolClient
  /** @param usable - whether somebody else may have it; else it is closed. */
  readonly giveBack: (usable: boolean) => void
}

/**
 * While a connection is lent its pool does not listen, and its loss would end the process; a statement tells of it. So somebody listens
 * from the call that gives it, not from the promise: the server may say in one packet that it is ready, and that it goes down.
 *
 * @throws {TenancyError} `DATABASE_UNAVAILABLE`, `SCOPE_CLOSED`, `CONFIG_INVALID` for a login that the server does not want.
 */
export function borrowClient(pool: pg.Pool): Promise<BorrowedClient> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => {
      if (client === undefined) return reject(connectError(error))
      client.on('error', ignore)
      function giveBack(usable: boolean): void {
        client?.off('error', ignore)
        client?.release(!usable)
      }
      resolve({ client, giveBack })
    })
  })
}

function ignore(): void {
  // Whoever uses the connection is told by what they wait for.
}
