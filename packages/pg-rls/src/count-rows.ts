import { type Holding, TenancyError, type Tenant } from '@tenantry/core'
import { quoteIdentifier, quoteQualified, type TenantPool } from '@tenantry/pg'
import { type EraseTerms, tenantTables } from './erase.ts'

/**
 * Counts a tenant's rows in every table that has a tenant column, as the tenant, in one snapshot. Tables without any are left out.
 *
 * @throws {TenancyError} `ERASURE_INCOMPLETE` for tables with a tenant column that the role cannot read: what cannot be counted must not
 * pass for nothing.
 */
export async function countRows(
  handle: TenantPool,
  tenant: Tenant,
  { catalog, column, shared }: EraseTerms,
): Promise<readonly Holding[]> {
  const hidden = catalog.unreachable.filter(name => !shared.has(name))
  if (hidden.length > 0) throw new TenancyError('ERASURE_INCOMPLETE', { tenant: tenant.id, objects: hidden })
  const tables = tenantTables(catalog, shared)
  if (tables.length === 0) return []
  // The policies say the same; see `eraseRows`.
  const counts = tables.map(
    ({ schema, name }) =>
      `(select pg_catalog.count(*) from ${quoteQualified(schema, name)} where ${quoteIdentifier(column)} = $1)::float8`,
  )
  const { rows } = await handle.query<{ counts: number[] }>(`select array[${counts.join(', ')}] as counts`, [tenant.id])
  const numbers = rows[0]?.counts ?? []
  return tables.flatMap(({ schema, name }, at) => {
    const count = numbers[at] ?? 0
    return count === 0 ? [] : [{ kind: 'rows', name: `${schema}.${name}`, count }]
  })
}
