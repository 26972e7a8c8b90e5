import type { Query } from '@tenantry/pg'
import { readCatalog } from './catalog/read-catalog.ts'
import { describe, type Structure } from './describe/describe.ts'
import { lookUp } from './lookup.ts'

export type { Structure } from './describe/describe.ts'
export { type Difference, describeDifference, diffStructures } from './diff-structures.ts'

/** Options of {@link readStructure}. */
export interface StructureOptions {
  /** The schema's own tenant role, which is told as `{role}`. Default none: every role by its name. */
  readonly role?: string | undefined
}

/**
 * All that there is in a schema but rows, told without the schema's name. Nothing when there is no such schema. The caller is in a
 * transaction.
 */
export async function readStructure(query: Query, schema: string, options: StructureOptions = {}): Promise<Structure> {
  const catalog = await readCatalog(query, schema)
  return catalog === undefined ? [] : describe(lookUp(catalog), { tenant: options.role, standard: false })
}
