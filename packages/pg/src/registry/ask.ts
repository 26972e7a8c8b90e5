import type pg from 'pg'
import { isServerError, statementError } from '../database-error.ts'
import { borrowClient } from '../places/borrow-client.ts'
import type { Query } from '../query.ts'

/** One statement on a connection of the pool, in one round trip. Errors as those of `inTransaction`. */
export async function ask<Row extends pg.QueryResultRow>(pool: pg.Pool, statement: pg.QueryConfig): Promise<Row[]> {
  const { client, giveBack } = await borrowClient(pool)
  let usable = false
  try {
    const { rows } = await client.query<Row>(statement)
    usable = true
    return rows
  } catch (error) {
    const told = statementError(error)
    usable = told === error && isServerError(error)
    throw told
  } finally {
    giveBack(usable)
  }
}

/** The same as a {@link Query}. */
export const asking =
  (pool: pg.Pool): Query =>
  async (text, values = []) => ({ rows: await ask(pool, { text, values: [...values] }) })
