import { type Holding, type Tenant, tenantDigest } from '@tenantry/core'
import { inTransaction } from '@tenantry/pg'
import { countTables } from './count-tables.ts'
import { ownedBy } from './dependents.ts'
import { isSuspended, isThereAsOwn, isUnfinished } from './mark.ts'
import { lookAt, type ProvisionTerms } from './provision.ts'
import { keepSchema } from './schema-lock.ts'

/**
 * What there is of a tenant: tables with how many rows each has, the schema, what the role owns, the role.
 *
 * @throws {TenancyError} `OBJECT_FOREIGN` for a schema or role of somebody else; `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`.
 */
export async function schemaInventory(
  tenant: Tenant,
  { provisioner, names, roles, runtime }: Pick<ProvisionTerms, 'provisioner' | 'names' | 'roles' | 'runtime'>,
): Promise<readonly Holding[]> {
  const { schema, role } = names
  const mark = { tenant: tenantDigest(tenant.id) }
  const held: Holding[] = []
  // Policies are lifted for counting, and that is undone.
  const undo = new Error('undo')
  await inTransaction(provisioner, async query => {
    await query(keepSchema(schema))
    const { database, ...found } = await lookAt(query, names, runtime)
    // That of the default tenant has no mark.
    const given = tenant.isDefault && found.schema !== null
    const known = given || isUnfinished(found.schema, mark) || isSuspended(found.schema, mark)
    if (known || isThereAsOwn('schema', schema, found.schema, mark))
      held.push(...(await countTables(query, schema)), { kind: 'schema', name: schema, count: 1 })
    if (roles && isThereAsOwn('role', role, found.role, { ...mark, database }))
      held.push(...(await ownedBy(query, role)), { kind: 'role', name: role, count: 1 })
    throw undo
  }).catch((error: unknown) => {
    if (error !== undo) throw error
  })
  return held
}
