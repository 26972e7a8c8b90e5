import { memoryRegistry, type Tenant } from '@tenantry/core'
import { pgSchema, rebuildTemplate, storageNames } from '@tenantry/pg-schema'
import type { FreshDatabase } from '@tenantry/servers'
import pg from 'pg'
import { bareStatements, ledger } from './application.ts'

/** A database with a template, and the ways to it. */
export type BenchDatabase = Awaited<ReturnType<typeof openBenchDatabase>>

/** Makes the template as a deployment does, and opens the pools. */
export async function openBenchDatabase(database: FreshDatabase) {
  const pool = new pg.Pool({ connectionString: database.runtimeUrl, max: 16 })
  const unscoped = new pg.Pool({ connectionString: database.runtimeUrl, max: 16 })
  const provisioner = new pg.Pool({ connectionString: database.provisionerUrl, max: 16 })
  await rebuildTemplate({ provisioner, migrate: query => query(bareStatements.join(';\n')) })
  const options = { pool, provisioner, rolePrefix: `${database.name}_` }
  const isolation = pgSchema({ ...options, structure: { by: 'template', versionTables: [ledger] } })
  return {
    pool,
    /** Of the same login, and nobody's but whoever scopes by hand. */
    unscoped,
    provisioner,
    isolation,
    names: storageNames(options),
    async close() {
      await isolation.close()
      for (const each of [pool, unscoped, provisioner]) each.on('error', () => undefined)
      await Promise.all([pool.end(), unscoped.end(), provisioner.end()])
    },
  }
}

/** A tenant whose schema has this name. */
export function tenantIn(schema: string): Tenant {
  return memoryRegistry().add({ slug: schema.replaceAll('_', '-'), name: schema, placement: { schema } })
}
