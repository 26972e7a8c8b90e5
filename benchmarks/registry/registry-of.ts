import { migrateRegistry, type PostgresRegistry, postgresRegistry } from '@tenantry/pg/registry'
import type { FreshDatabase } from '@tenantry/servers'
import pg from 'pg'

/** A registry of so many tenants, and the ways to it. */
export interface FilledRegistry {
  readonly tenants: number
  readonly registry: PostgresRegistry
  /** Microseconds to write a tenant with a domain and a storage key, in bulk, past every guard. */
  readonly writing: number
  close(): Promise<void>
}

const batch = 25_000

/** Tenants `t0`, `t1` … with the domain `t0.example` and the schema `t_0`, written by SQL through the triggers. */
export async function registryOf(database: FreshDatabase, tenants: number): Promise<FilledRegistry> {
  const owner = new pg.Pool({ connectionString: database.ownerUrl, max: 1 })
  const pool = new pg.Pool({ connectionString: database.runtimeUrl, max: 4 })
  await migrateRegistry({ pool: owner, role: database.runtimeRole })
  const start = performance.now()
  for (let from = 0; from < tenants; from += batch) {
    const to = Math.min(from + batch, tenants) - 1
    const numbers = `generate_series(${from}, ${to}) n`
    await owner.query(`begin;
      insert into tenantry.registry_tenants (id, slug, name, status, settings) select 't' || n, 't' || n, 'Tenant ' || n, 'active', '{"plan": "pro"}' from ${numbers};
      insert into tenantry.registry_domains (name, tenant, is_primary) select 't' || n || '.example', 't' || n, true from ${numbers};
      insert into tenantry.registry_placements (tenant, key, value, is_storage_key) select 't' || n, 'schema', 't_' || n, true from ${numbers};
      commit`)
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K  ${to + 1} of ${tenants} tenants `)
  }
  const writing = ((performance.now() - start) / tenants) * 1000
  await owner.query('vacuum (analyze)')
  return {
    tenants,
    registry: postgresRegistry({ pool }),
    writing,
    async close() {
      await pool.end()
      await owner.end()
    },
  }
}
