import { TenancyError, type Tenant, type TenantRegistry } from '@tenantry/core'

/** What enrolment asks of the registry. */
export interface TenantCheck {
  /** @throws {TenancyError} `TENANT_NOT_FOUND` */
  assertKnown(tenantId: string): Promise<void>
  /** The tenant, where it is active. Looks one up also for nobody, so that the time does not tell which it was (E13). */
  findActive(tenantId: string | undefined): Promise<Tenant | undefined>
}

/** The id of no tenant, which a registry is asked for in the place of one. */
const nobody = 'tenantry-nobody'

export function tenantCheck(registry: Pick<TenantRegistry, 'find'>): TenantCheck {
  // An answer to another question is no answer: a cache with a wrong key would let somebody into another tenant.
  async function find(id: string): Promise<Tenant | undefined> {
    const tenant = await registry.find({ kind: 'id', value: id })
    return tenant?.id === id ? tenant : undefined
  }
  return {
    async assertKnown(tenantId) {
      if ((await find(tenantId)) === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${tenantId}` })
    },
    async findActive(tenantId) {
      const tenant = await find(tenantId ?? nobody)
      return tenantId !== undefined && tenant?.status === 'active' ? tenant : undefined
    },
  }
}
