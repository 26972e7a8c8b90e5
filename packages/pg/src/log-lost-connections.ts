import type { Logger } from '@tenantry/core'
import type pg from 'pg'

/**
 * Logs the loss of idle connections, which would end the process if nobody listened. The pool opens others.
 *
 * @returns stops listening.
 */
export function logLostConnections(pool: pg.Pool, isolation: string, logger: Logger): () => void {
  function onIdleError(error: Error): void {
    logger.warn({ event: `${isolation}.connection`, error: error.message }, 'An idle database connection was lost.')
  }
  pool.on('error', onIdleError)
  return () => void pool.off('error', onIdleError)
}
