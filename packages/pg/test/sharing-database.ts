import type { PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterEach } from 'vitest'
import { type ScopedPoolOptions, scopedPool, type TenantPool } from '../src/index.ts'
import { acme, globex, scope, type TestDatabase, useDatabase } from './support.ts'
import { createTap, type Tap } from './tap.ts'

/** One pool for two tenants, and a view of its sockets. */
export interface SharingBench {
  readonly pool: pg.Pool
  readonly tap: Tap
  readonly acme: TenantPool
  readonly globex: TenantPool
}

/** A test database, with what a test opens closed at its end: there are many pools, and some tests hold locks. */
export interface SharingDatabase {
  readonly db: TestDatabase
  open(config?: pg.PoolConfig, options?: Omit<ScopedPoolOptions, 'pool' | 'scope'>): SharingBench
  /** A superuser's connection. */
  admin(): Promise<pg.Client>
}

export function useSharingDatabase(server: PostgresForTests): SharingDatabase {
  const db = useDatabase(server)
  const pools: pg.Pool[] = []
  const clients: pg.Client[] = []
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.end()
    for (const pool of pools.splice(0)) if (!pool.ending) await pool.end()
  })
  return {
    db,
    open(config = {}, options = {}) {
      const tap = createTap()
      const pool = new pg.Pool({ connectionString: db.database.runtimeUrl, max: 1, stream: tap.stream, ...config })
      pools.push(pool)
      const scoped = scopedPool({ pool, scope, ...options })
      return { pool, tap, acme: scoped.handle(() => acme), globex: scoped.handle(() => globex) }
    },
    async admin() {
      const client = new pg.Client(db.database.adminUrl)
      client.on('error', () => undefined)
      await client.connect()
      clients.push(client)
      return client
    },
  }
}

/** On how many connections these were. */
export const pids = (results: readonly pg.QueryResult[]): number => new Set(results.map(({ rows }) => rows[0].pid)).size
