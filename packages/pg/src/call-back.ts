import type pg from 'pg'
import type { QueryCallback } from './statements/query-arguments.ts'

/**
 * Serves pg's callback forms from the promise form, so that the callback runs in the context of the call and not in that of
 * whoever opened the connection.
 *
 * @returns the promise, or nothing when there is a callback.
 */
export function callBack(
  promise: Promise<pg.QueryResult>,
  callback: QueryCallback | undefined,
): Promise<pg.QueryResult> | undefined {
  if (callback === undefined) return promise
  // What the callback throws is an uncaught exception, as it would be with pg.
  promise.then(
    result => process.nextTick(callback, undefined, result),
    (error: Error) => process.nextTick(callback, error),
  )
  return undefined
}
