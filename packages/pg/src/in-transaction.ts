import type pg from 'pg'
import { statementError } from './database-error.ts'
import { borrowClient } from './places/borrow-client.ts'
import type { Query } from './query.ts'

/**
 * All or nothing, on a connection of its own. Statements are qualified or set the path themselves: it begins with the server's own
 * catalogue only, so that nothing of the role's settings decides what a name means.
 *
 * @param connection - `used up` when code of others has run on it, which may have left settings and temporary tables there.
 * @throws {TenancyError} `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`, `CONFIG_INVALID` for a login that the server does not want. Errors of
 * statements are the server's own.
 */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (query: Query, client: pg.PoolClient) => Promise<T>,
  connection: 'kept' | 'used up' = 'kept',
): Promise<T> {
  const { client, giveBack } = await borrowClient(pool)
  const query: Query = (text, values) =>
    client.query(text, values === undefined ? undefined : [...values]).catch((error: unknown) => {
      throw statementError(error)
    })
  let broken = true
  try {
    await query('begin; set local search_path = pg_catalog, pg_temp')
    try {
      const result = await work(query, client)
      await query('commit')
      broken = false
      return result
    } catch (error) {
      // Should it fail, the connection is destroyed, and the server rolls back.
      await client.query('rollback').then(
        () => {
          broken = false
        },
        () => undefined,
      )
      throw error
    }
  } finally {
    giveBack(!broken && connection === 'kept')
  }
}

/**
 * Runs code of others, which must leave the transaction as it is: neither ended, nor ended and begun again.
 *
 * @throws {Error} when it has not, with what it has done so far left behind.
 */
export async function withinTransaction<T>(query: Query, work: () => Promise<T>): Promise<T> {
  // Asked for, since one that nothing was written in has no id yet.
  const before = await query<{ id: string }>('select pg_catalog.pg_current_xact_id()::text as id')
  const result = await work()
  const after = await query<{ id: string }>('select pg_catalog.pg_current_xact_id_if_assigned()::text as id')
  if (after.rows[0]?.id !== before.rows[0]?.id) throw new Error('what ran in the transaction has ended it')
  return result
}
