import { type Erasure, TenancyError, type Tenant, tenantDigest } from '@tenantry/core'
import type { Query } from '@tenantry/pg'
import { inTransaction, quoteIdentifier } from '@tenantry/pg'
import { countTables } from './count-tables.ts'
import { dependentsOutside, ownedBy, uncountable, usesOfRole } from './dependents.ts'
import { isSuspended, isThereAsOwn, isUnfinished } from './mark.ts'
import { lookAt, type ProvisionTerms } from './provision.ts'
import { lockSchema, lockTables } from './schema-lock.ts'

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
    const { database, version, ...found } = await lookAt(query, names, runtime)
    const erased: { kind: string; name: string; count: number }[] = []
    const mark = { tenant: tenantDigest(tenant.id) }
    const known = isUnfinished(found.schema, mark) || isSuspended(found.schema, mark)
    if (known || isThereAsOwn('schema', schema, found.schema, mark)) {
      await lockTables(query, schema)
      const dependents = [...(await dependentsOutside(query, schema)), ...(await uncountable(query, schema))]
      if (dependents.length > 0)
        throw new TenancyError('ERASURE_INCOMPLETE', { tenant: tenant.id, objects: dependents })
      erased.push(...(await countTables(query, schema)), { kind: 'schema', name: schema, count: 1 })
      await query(`drop schema ${quoteIdentifier(schema)} cascade`)
    }
    if (roles && isThereAsOwn('role', role, found.role, { tenant: tenantDigest(tenant.id), database })) {
      const uses = await usesOfRole(query, role)
      if (uses.length > 0) throw new TenancyError('ERASURE_INCOMPLETE', { tenant: tenant.id, objects: uses })
      erased.push(...(await dropOwned(query, role, version)))
      await query(`drop role ${quoteIdentifier(role)}`)
      erased.push({ kind: 'role', name: role, count: 1 })
    }
    return { tenant: tenant.id, erased }
  })
}

/**
 * Drops what a role owns beside its schema: large objects, temporary tables, privileges that it gives by default. A tenant can make
 * them, and the role would stay for them.
 */
async function dropOwned(query: Query, role: string, version: number): Promise<Erasure['erased']> {
  const name = quoteIdentifier(role)
  const owned = await ownedBy(query, role)
  if (owned.length === 0) return []
  await query(`grant ${name} to current_user${version >= 160000 ? ' with inherit true' : ''}; drop owned by ${name}`)
  return owned
}
