import { type Erasure, TenancyError, type Tenant } from '@tenantry/core'
import { quoteIdentifier, quoteQualified } from '@tenantry/pg'
import type { Query } from './clone/query.ts'
import { dependentsOutside, uncountable, usesOfRole } from './dependents.ts'
import { isThereAsOwn, isUnfinished } from './mark.ts'
import { lookAt, type ProvisionTerms } from './provision.ts'
import { lockSchema } from './schema-lock.ts'
import { inTransaction } from './transaction.ts'

/**
 * Drops a tenant's schema and role, with all that is in them, in one transaction. Idempotent.
 *
 * @throws {TenancyError} `OBJECT_FOREIGN` for what it has not made, `TENANT_PROTECTED` for the default tenant, `ERASURE_INCOMPLETE` when
 * something outside depends on the schema, which would go with it, or on the role, or the rows of a table cannot be counted;
 * `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`.
 */
export async function dropSchema(
  tenant: Tenant,
  { provisioner, names, roles, runtime }: Pick<ProvisionTerms, 'provisioner' | 'names' | 'roles' | 'runtime'>,
): Promise<Erasure> {
  if (tenant.isDefault) throw new TenancyError('TENANT_PROTECTED', { tenant: tenant.id, action: 'deprovisioned' })
  const { schema, role } = names
  return inTransaction(provisioner, async query => {
    await query(lockSchema(schema))
    const { database, ...found } = await lookAt(query, names, runtime)
    const erased: { kind: string; name: string; count: number }[] = []
    const mark = { tenant: tenant.id }
    if (isUnfinished(found.schema, mark) || isThereAsOwn('schema', schema, found.schema, mark)) {
      const dependents = [...(await dependentsOutside(query, schema)), ...(await uncountable(query, schema))]
      if (dependents.length > 0)
        throw new TenancyError('ERASURE_INCOMPLETE', { tenant: tenant.id, objects: dependents })
      erased.push(...(await countRows(query, schema)), { kind: 'schema', name: schema, count: 1 })
      await query(`drop schema ${quoteIdentifier(schema)} cascade`)
    }
    if (roles && isThereAsOwn('role', role, found.role, { tenant: tenant.id, database })) {
      const uses = await usesOfRole(query, role)
      if (uses.length > 0) throw new TenancyError('ERASURE_INCOMPLETE', { tenant: tenant.id, objects: uses })
      await query(`drop role ${quoteIdentifier(role)}`)
      erased.push({ kind: 'role', name: role, count: 1 })
    }
    return { tenant: tenant.id, erased }
  })
}

/** Each table with how many rows go with it. */
async function countRows(query: Query, schema: string): Promise<Erasure['erased']> {
  const { rows } = await query(
    `select relname as name, relforcerowsecurity as forced from pg_class where relnamespace = $1::regnamespace and relkind in ('r', 'm') order by 1`,
    [quoteIdentifier(schema)],
  )
  if (rows.length === 0) return []
  // Rows that a policy hides from the owner too go as well.
  const forced = rows.filter(row => row.forced === true).map(({ name }) => quoteQualified(schema, String(name)))
  if (forced.length > 0)
    await query(forced.map(table => `alter table only ${table} no force row level security`).join(';\n'))
  const counts = rows.map(({ name }) => `(select count(*) from ${quoteQualified(schema, String(name))})::float8`)
  // One array, since a row has at most 1,664 columns.
  const counted = await query(`select array[${counts.join(', ')}] as counts`)
  const numbers = counted.rows[0]?.counts as readonly number[]
  return rows.map(({ name }, at) => ({ kind: 'table', name: `${schema}.${name}`, count: numbers[at] ?? 0 }))
}
