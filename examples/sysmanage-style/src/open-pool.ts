import type { Logger, SecretSource } from '@tenantry/core'
import pg from 'pg'
import type { DatabaseLogin } from './settings.ts'

/** Opens pools, and ends them all. */
export interface Pools {
  /** @throws {TenancyError} `CONFIG_INVALID` for a password that is not where its reference says. */
  open(login: DatabaseLogin, max: number): Promise<pg.Pool>
  end(): Promise<void>
}

export function openPools(secrets: SecretSource, logger: Logger): Pools {
  const pools: pg.Pool[] = []
  return {
    async open({ host, port = 5432, name, user, password }, max) {
      const found = await secrets(password)
      const pool = new pg.Pool({
        host,
        port,
        database: name,
        user,
        password: found.reveal(),
        max,
        connectionTimeoutMillis: 5_000,
      })
      pool.on('error', ({ message }) => logger.warn({ event: 'connection.lost', host, user }, message))
      pools.push(pool)
      return pool
    },
    async end() {
      for (const pool of pools.splice(0).reverse()) await pool.end()
    },
  }
}
