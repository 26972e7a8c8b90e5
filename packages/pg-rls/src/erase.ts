import { type Erasure, TenancyError, type Tenant } from '@tenantry/core'
import { quoteIdentifier, quoteQualified, type TenantPool } from '@tenantry/pg'
import type { Catalog, ReferenceFacts, TableFacts } from './catalog.ts'

/** What to erase from. */
export interface EraseTerms {
  readonly catalog: Catalog
  readonly column: string
  /** Tables without tenants on purpose, as `schema.name`. */
  readonly shared: ReadonlySet<string>
}

/**
 * Deletes a tenant's rows from every table that has a tenant column, as the tenant, in one transaction.
 *
 * @throws {TenancyError} `ERASURE_INCOMPLETE`, and nothing is deleted: when the role may not delete from one of them, when rows are
 * left all the same (a policy or a trigger kept them), or when a foreign key would reach into other tenants' rows.
 */
export async function eraseRows(
  handle: TenantPool,
  tenant: Tenant,
  { catalog, column, shared }: EraseTerms,
): Promise<Erasure> {
  const tables = tenantTables(catalog, shared)
  const forbidden = tables.filter(table => !table.deletes).map(table => `${table.schema}.${table.name}`)
  forbidden.push(...catalog.unreachable.filter(name => !shared.has(name)))
  for (const table of tables) {
    const reaching = table.looseReferences.filter(reachesFurther)
    forbidden.push(...reaching.map(({ name }) => `${table.schema}.${table.name} (foreign key ${name})`))
  }
  if (forbidden.length > 0) throw new TenancyError('ERASURE_INCOMPLETE', { tenant: tenant.id, objects: forbidden })
  const erased: { kind: string; name: string; count: number }[] = []
  const client = await handle.connect()
  try {
    await client.query('begin')
    for (const table of referrersFirst(tables)) {
      // The policies say the same. Where they are missing, and `onUnsafe: 'report'` serves all the same, or the table is a
      // foreign one, a delete without a condition would empty it for all tenants.
      const target = quoteQualified(table.schema, table.name)
      const { rowCount } = await client.query(`delete from ${target} where ${quoteIdentifier(column)} = $1`, [
        tenant.id,
      ])
      erased.push({ kind: 'rows', name: `${table.schema}.${table.name}`, count: rowCount ?? 0 })
    }
    const left: string[] = []
    for (const table of tables) {
      const target = quoteQualified(table.schema, table.name)
      const text = `select from ${target} where ${quoteIdentifier(column)} = $1 limit 1`
      if ((await client.query(text, [tenant.id])).rowCount !== 0) left.push(`${table.schema}.${table.name}`)
    }
    if (left.length > 0) throw new TenancyError('ERASURE_INCOMPLETE', { tenant: tenant.id, objects: left })
    await client.query('commit')
  } finally {
    // In the middle of a transaction this destroys the connection, and the server rolls back.
    client.release()
  }
  return { tenant: tenant.id, erased }
}

/** The tables that hold rows of tenants. Rows of a partition go with its parent's. */
export function tenantTables({ tables }: Catalog, shared: ReadonlySet<string>): readonly TableFacts[] {
  return tables.filter(
    table => table.columnType !== null && !table.child && !shared.has(`${table.schema}.${table.name}`),
  )
}

/** Whether a delete at its far end deletes or changes rows here, whosever they are: CASCADE, SET NULL, SET DEFAULT. */
export function reachesFurther({ onDelete }: ReferenceFacts): boolean {
  return 'cnd'.includes(onDelete)
}

/** Tables in an order in which rows that refer to others go before them. In a circle, the server's constraints decide. */
export function referrersFirst(tables: readonly TableFacts[]): readonly TableFacts[] {
  const byOid = new Map(tables.map(table => [table.oid, table]))
  const order: TableFacts[] = []
  const seen = new Set<number>()
  function visit(table: TableFacts): void {
    if (seen.has(table.oid)) return
    seen.add(table.oid)
    for (const oid of table.references) {
      const target = byOid.get(oid)
      if (target !== undefined) visit(target)
    }
    order.push(table)
  }
  for (const table of tables) visit(table)
  return order.reverse()
}
