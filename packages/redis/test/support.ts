import { AsyncLocalStorage } from 'node:async_hooks'
import { type Logger, TenancyError, type Tenant } from '@tenantry/core'

const nothing = (): void => undefined
export const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }

export function tenantOf(id: string, placement: Tenant['placement'] = {}): Tenant {
  const common = { status: 'active', isDefault: false, isControl: false, version: 1, settings: {} } as const
  return { ...common, id, slug: id.toLowerCase().replaceAll('_', '-'), name: id, placement }
}

/** A source of tenants that follows the unit of work, as that of a tenancy. */
export function context() {
  const storage = new AsyncLocalStorage<Tenant>()
  return {
    source: (): Tenant => {
      const tenant = storage.getStore()
      if (tenant === undefined) throw new TenancyError('TENANT_CONTEXT_MISSING', { scope: 'none' })
      return tenant
    },
    as: <T>(tenant: Tenant, work: () => T): T => storage.run(tenant, work),
  }
}
