import type pg from 'pg'
import type { Query } from './clone/query.ts'

/**
 * All or nothing, on a connection of its own. Statements are qualified or set the path themselves: it begins with the server's own
 * catalogue only, so that nothing of the role's settings decides what a name means.
 */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (query: Query, client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  // While it is lent nobody else listens, and the loss of the connection would end the process; the statement tells of it.
  const ignore = () => undefined
  client.on('error', ignore)
  const query: Query = (text, values) => client.query(text, values === undefined ? undefined : [...values])
  let broken = true
  try {
    await client.query('begin; set local search_path = pg_catalog, pg_temp')
    try {
      const result = await work(query, client)
      await client.query('commit')
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
    client.off('error', ignore)
    client.release(broken)
  }
}
