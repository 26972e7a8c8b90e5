import { TenancyError } from './errors.ts'
import type { Tenant } from './tenant.ts'

/** How refusals of tenants that exist are shown. */
export interface ServableOptions {
  /** Refuse a suspended tenant as if it did not exist. */
  readonly hideSuspended?: boolean
}

/** Whether a tenant must look like one that does not exist. */
export function isHidden({ status }: Pick<Tenant, 'status'>, { hideSuspended }: ServableOptions): boolean {
  switch (status) {
    case 'active':
    case 'provisioning':
    case 'failed':
      return false
    case 'suspended':
      return hideSuspended === true
    default:
      // Archived, deprovisioning. A registry in plain JavaScript may hand out anything; what is not known is not served.
      return true
  }
}

/**
 * Refuses a tenant that may not be served. Checked on every resolution and on every entry into a context.
 *
 * @throws {TenancyError} `TENANT_SUSPENDED`; `TENANT_NOT_FOUND` for archived and deprovisioning tenants, so that nobody
 * can tell them from unknown ones; `TENANT_NOT_READY` while it is made.
 */
export function assertServable(
  tenant: Pick<Tenant, 'id' | 'status'>,
  key: string,
  options: ServableOptions = {},
): void {
  const { id, status } = tenant
  if (isHidden(tenant, options)) throw new TenancyError('TENANT_NOT_FOUND', { key })
  if (status === 'suspended') throw new TenancyError('TENANT_SUSPENDED', { tenant: id })
  if (status !== 'active') throw new TenancyError('TENANT_NOT_READY', { tenant: id, status })
}
