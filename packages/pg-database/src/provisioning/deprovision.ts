import {
  type CredentialSource,
  type Erasure,
  type LoginTarget,
  TenancyError,
  type Tenant,
  tenantDigest,
} from '@tenantry/core'
import { counterOf, countRows } from './count-rows.ts'
import { dropStore } from './drop-store.ts'
import { lockStore, lookAt } from './look-at.ts'
import { becomeMember, leaveAfter } from './memberships.ts'
import { asProvisioner, type ProvisionedServer } from './provisioner.ts'

/** What erasing needs to know. */
export interface DeprovisionTerms {
  readonly at: ProvisionedServer
  readonly target: LoginTarget
  readonly source: CredentialSource
}

/**
 * Drops a tenant's database with all that is in it, its logins and its owner role. Idempotent. Rows of tables that belong to one of
 * the tenant's logins, because somebody ran `set role none` with it, are not counted.
 *
 * @throws {TenancyError} `OBJECT_FOREIGN` for what it has not made, `TENANT_PROTECTED` for the default tenant, `CREDENTIALS_UNAVAILABLE`
 * while its leases cannot be revoked, `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`, `CONFIG_INVALID`, and `ERASURE_INCOMPLETE` for
 * whatever the server does not let go of.
 */
export async function dropDatabase(
  tenant: Pick<Tenant, 'id' | 'isDefault'>,
  { at, target, source }: DeprovisionTerms,
): Promise<Erasure> {
  if (tenant.isDefault) throw new TenancyError('TENANT_PROTECTED', { tenant: tenant.id, action: 'deprovisioned' })
  return asProvisioner(at, undefined, async query => {
    await query(lockStore(target.owner))
    const digest = tenantDigest(tenant.id)
    const found = await lookAt(query, target, { tenant: digest })
    if (found.owner === 'none') return { tenant: tenant.id, erased: [] }
    // First nobody has a login any more, so that nothing is written that is not counted.
    await source.withdraw?.(target)
    await query(becomeMember(target.owner, found.version))
    try {
      const tables = found.open
        ? await countRows(query, at, target, { tenant: digest }, found.version, 'to be erased')
        : []
      const expel = async () => source.withdraw?.(target)
      const dropped = await dropStore(query, target, { version: found.version, tenant: digest, expel })
      return {
        tenant: tenant.id,
        erased: [...tables, ...dropped.filter(({ name }) => name !== counterOf(target.owner))],
      }
    } catch (error) {
      await leaveAfter(query, target.owner, found.version)
      // dependent_objects_still_exist; object_in_use
      const { code, detail = '', message = '' } = error as { code?: string; detail?: string; message?: string }
      if (code !== '2BP01' && code !== '55006') throw error
      throw new TenancyError(
        'ERASURE_INCOMPLETE',
        { tenant: tenant.id, objects: [detail || message] },
        { cause: error },
      )
    }
  })
}
