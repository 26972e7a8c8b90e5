import type { Logger, Tenant } from '@tenantry/core'

function nothing(): void {
  // Figures are the report.
}

/** Says nothing. */
export const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/** A tenant of the benchmark, with a database of this name. */
export function tenantIn(database: string): Tenant {
  const flags = { isDefault: false, isControl: false, version: 1, settings: {} } as const
  const names = { id: database, slug: database.replaceAll('_', '-'), name: database, status: 'active' } as const
  return { ...names, ...flags, placement: { mongo_database: database } }
}
