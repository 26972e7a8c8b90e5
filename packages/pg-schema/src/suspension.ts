import { TenancyError, type Tenant, tenantDigest } from '@tenantry/core'
import { holdFence, inTransaction } from '@tenantry/pg'
import { isSuspended, isThereAsOwn, isUnfinished, markSchema } from './mark.ts'
import { grantUsage, revokeUsage } from './privileges.ts'
import { lookAt, mustBeUsable, type ProvisionTerms } from './provision.ts'
import { lockSchema } from './schema-lock.ts'

type Terms = Pick<ProvisionTerms, 'provisioner' | 'names' | 'roles' | 'runtime'>

/**
 * Takes the use of its schema from a tenant's role, once none of its transactions is under way. The schema's comment says so, which tells
 * it from one that was never granted. A tenant that has no schema needs no fence.
 *
 * The membership of the login in the role stays: server processes keep lists of memberships, and one that makes its list while
 * another is revoked may go on with the old one.
 *
 * @throws {TenancyError} `SUSPENSION_INCOMPLETE`, `OBJECT_FOREIGN`, `TENANT_PROTECTED` for the default tenant, `ARGUMENT_INVALID`,
 * `CONFIG_INVALID`, `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`.
 */
export async function suspendSchema(tenant: Tenant, deadline: number, terms: Terms): Promise<void> {
  if (tenant.isDefault) throw new TenancyError('TENANT_PROTECTED', { tenant: tenant.id, action: 'suspended' })
  const { provisioner, names, roles, runtime } = terms
  const { schema } = names
  const user = roles ? names.role : runtime
  const mark = { tenant: tenantDigest(tenant.id) }
  const fence = { tenant: tenant.id, isolation: 'pg-schema', name: schema, deadline }
  await holdFence(provisioner, fence, async query => {
    await query(lockSchema(schema))
    const found = await lookAt(query, names, runtime)
    if (isSuspended(found.schema, mark) || isUnfinished(found.schema, mark)) return
    if (!isThereAsOwn('schema', schema, found.schema, mark)) return
    await query(markSchema(schema, { ...mark, suspended: true }))
    if (roles && found.role === null) return
    await query(revokeUsage(schema, user))
    const { rows } = await query(`select has_schema_privilege($1, $2, 'USAGE') as usable`, [user, schema])
    if (rows[0]?.usable === false) return
    const reason = `${user} may use the schema ${schema} by a grant of somebody else`
    throw new TenancyError('SUSPENSION_INCOMPLETE', { tenant: tenant.id, isolation: 'pg-schema', reason })
  })
}

/** Gives it back. @throws {TenancyError} `OBJECT_FOREIGN`, `DATABASE_UNAVAILABLE`, `CONNECTION_LOST` */
export async function resumeSchema(tenant: Tenant, { provisioner, names, roles, runtime }: Terms): Promise<void> {
  const { schema } = names
  const mark = { tenant: tenantDigest(tenant.id) }
  await inTransaction(provisioner, async query => {
    await query(lockSchema(schema))
    const found = await lookAt(query, names, runtime)
    if (!isSuspended(found.schema, mark)) return
    await query(markSchema(schema, mark))
    if (roles && found.role === null) return
    const user = roles ? names.role : runtime
    await query(grantUsage(schema, user))
    await mustBeUsable(query, schema, user)
  })
}
