import { memoryRegistry } from '@tenantry/core'
import type pg from 'pg'
import type { Partitions } from './partitions.ts'
import { sharedTables } from './shared-tables.ts'
import { tenantTables } from './tenant-tables.ts'

/** The one tenant of an installation without multi-tenancy. */
export const soleTenant = 'main'

/** Multi-tenancy off: one tenant, and all three partitions in the one database. Nothing is routed anywhere. */
export async function collapsed(pool: pg.Pool): Promise<Partitions> {
  await pool.query(`${sharedTables(undefined)}; ${tenantTables}`)
  return {
    registry: memoryRegistry([{ id: soleTenant, slug: soleTenant, name: 'This installation' }]),
    shared: () => pool,
    own: () => pool,
    close: async () => undefined,
  }
}
