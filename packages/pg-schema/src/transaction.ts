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
  const client = await lent(pool)
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

/**
 * While a connection is lent nobody else listens, and its loss would end the process; a statement tells of it. So somebody listens from
 * the call that gives it, not from the promise: the server may say in one packet that it is ready, and that it goes down.
 */
function lent(pool: pg.Pool): Promise<pg.PoolClient> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => {
      if (client === undefined) return reject(error)
      client.on('error', ignore)
      resolve(client)
    })
  })
}

function ignore(): void {
  // Whoever uses the connection is told by what they wait for.
}
