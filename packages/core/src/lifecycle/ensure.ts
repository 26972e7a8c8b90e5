import { type ErrorCode, isTenancyError, TenancyError } from '../errors.ts'
import type { Tenant } from '../tenant.ts'
import type { LifecycleAccess } from './access.ts'
import type { Lifecycle, NewTenant } from './lifecycle.ts'
import type { Performer } from './perform.ts'
import type { TenantStore } from './tenant-store.ts'

/** What {@link ensureTenant} is done with. */
export interface EnsureParts extends Pick<Lifecycle, 'create' | 'retry'>, Pick<Performer, 'perform'> {
  readonly store: TenantStore
}

/** How often the tenant is looked for when others are faster. */
const attempts = 3

/** See {@link Lifecycle.ensure}. */
export async function ensureTenant(
  input: NewTenant,
  access: Omit<LifecycleAccess, 'key'>,
  { store, create, retry, perform }: EnsureParts,
): Promise<Tenant> {
  const key = { kind: 'slug', value: String(input.slug).toLowerCase() } as const
  for (let tries = 1; ; tries++) {
    const found = await store.find(key)
    const now = found && (await settled(found))
    if (now !== undefined && now.status !== 'failed') return now
    try {
      return await (now === undefined ? create(input, access) : retry(now.id, access))
    } catch (error) {
      const races: readonly ErrorCode[] =
        now === undefined ? ['TENANT_EXISTS', 'OPERATION_UNDERWAY'] : ['TRANSITION_REFUSED', 'OPERATION_UNDERWAY']
      if (tries === attempts || !isTenancyError(error) || !races.includes(error.code)) throw error
    }
  }

  /** As it is once nobody works on it any more; one that may be served, or could not be made. */
  async function settled(tenant: Tenant): Promise<Tenant | undefined> {
    const { isDefault = false, isControl = false, activate = true } = input
    if (tenant.isDefault !== isDefault || tenant.isControl !== isControl) {
      throw new TenancyError('TENANT_EXISTS', { field: 'slug', value: tenant.slug })
    }
    const [last] = await store.history(tenant.id, 1)
    if (last !== undefined && (last.state === 'running' || last.state === 'undoing')) {
      await perform({ operation: last, isNew: false, tenant })
    }
    const now = await store.find({ kind: 'id', value: tenant.id })
    if (now === undefined || now.status === 'active' || now.status === 'failed') return now
    if (now.status === 'provisioning' && !activate) return now
    throw new TenancyError('TRANSITION_REFUSED', { tenant: now.id, operation: 'create', rule: `it is ${now.status}` })
  }
}
