import type { Tenant } from '@tenantry/core'

/** So many tenants that no registry knows. */
export function benchTenants(count: number): readonly Tenant[] {
  const common = {
    status: 'active',
    isDefault: false,
    isControl: false,
    version: 1,
    settings: {},
    placement: {},
  } as const
  return Array.from(
    { length: count },
    (_, at): Tenant => ({ ...common, id: `tenant-${at}`, slug: `tenant-${at}`, name: `Tenant ${at}` }),
  )
}
