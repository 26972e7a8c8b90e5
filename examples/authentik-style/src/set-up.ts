import { rebuildTemplate } from '@tenantry/pg-schema'
import pg from 'pg'
import { migrate, newest, type Query } from './migrations.ts'
import type { Storage } from './schemas.ts'
import { registryTables } from './tenant-registry.ts'

/**
 * What the owner of the database runs once: the provisioner makes the default tenant's tables in `public`, and may let the
 * default tenant's role use them.
 */
export function grantPublic(provisionerRole: string): string {
  return `grant usage, create on schema public to ${pg.escapeIdentifier(provisionerRole)} with grant option`
}

/**
 * The first boot, and every other: the registry's tables, the migrations of `public` and of every tenant, and the template when it
 * is behind them. Processes that boot at once take turns.
 */
export async function setUp({ pool, provisioner }: Pick<Storage, 'pool' | 'provisioner'>): Promise<void> {
  const { rows } = await pool.query<{ name: string }>('select session_user as name')
  const runtime = pg.escapeIdentifier(rows[0]?.name ?? '')
  const template = await inTransaction(provisioner, async query => {
    await query(`select pg_advisory_xact_lock(hashtextextended('authentik-style set-up', 0))`)
    await query(registryTables)
    await query(
      `grant usage on schema tenancy to ${runtime}; grant select on all tables in schema tenancy to ${runtime}`,
    )
    const tenants = await query<{ schema: string }>(
      // Whatever their status: a tenant that is served again must not be behind. One that is being made has none yet.
      `select schema_name as schema from tenancy.tenants where not is_default and to_regnamespace(schema_name) is not null`,
    )
    for (const schema of ['public', ...tenants.rows.map(row => row.schema)]) {
      await query(`set local search_path = ${pg.escapeIdentifier(schema)}, pg_temp`)
      await migrate(query)
    }
    const found = await query<{ there: boolean }>(`select to_regclass('template.migrations') is not null as there`)
    if (found.rows[0]?.there !== true) return 0
    const version = await query<{ version: number }>('select max(version) as version from template.migrations')
    return version.rows[0]?.version ?? 0
  })
  if (template < newest) await rebuildTemplate({ provisioner, migrate })
}

async function inTransaction<T>(pool: pg.Pool, work: (query: Query) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let broken = true
  try {
    await client.query('begin')
    const result = await work((text, values) => client.query(text, values === undefined ? undefined : [...values]))
    await client.query('commit')
    broken = false
    return result
  } finally {
    // One that is in a transaction is closed, and the server rolls back.
    client.release(broken)
  }
}
