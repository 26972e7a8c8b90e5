import { TenancyError } from './errors.ts'
import type { Tenant } from './tenant.ts'

/** How refusals of tenants that exist are shown. */
export interface ServableOptions {
  /** Refuse a suspended tenant as if it did not exist. */
  readonly hideSuspended?: boolean
}

/**
 * Refuses a tenant that may not be served. Checked on every resolution and on every entry into a context.
 *
 * @throws {TenancyError} `TENANT_SUSPENDED`; `TENANT_NOT_FOUND` for archived and deprovisioning tenants, so that nobody
 * can tell them from unknown ones; `TENANT_NOT_READY` while it is made.
 */
export function assertServable(tenant: Tenant, key: string, options: ServableOptions = {}): void {
  switch (tenant.status) {
    case 'active':
      return
    case 'suspended':
      if (options.hideSuspended === true) throw new TenancyError('TENANT_NOT_FOUND', { key })
      throw new TenancyError('TENANT_SUSPENDED', { tenant: tenant.id })
    case 'archived':
    case 'deprovisioning':
      throw new TenancyError('TENANT_NOT_FOUND', { key })
    case 'provisioning':
    case 'failed':
      throw new TenancyError('TENANT_NOT_READY', { tenant: tenant.id, status: tenant.status })
    default:
      // A registry in plain JavaScript may hand out anything; what is not known to be active is not served.
      throw new TenancyError('TENANT_NOT_FOUND', { key })
  }
}
