import { isTenancyError, TenancyError } from '../errors.ts'
import type { Tenant } from '../tenant.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Performer } from './perform.ts'
import type { TenantStore } from './tenant-store.ts'

/** What {@link ensurer} works with. */
export interface EnsureParts extends Pick<Lifecycle, 'create' | 'retry'> {
  readonly store: TenantStore
  readonly perform: Performer['perform']
}

/** How often it is looked again, when another process was faster. */
const attempts = 3

export function ensurer({ store, perform, create, retry }: EnsureParts): Lifecycle['ensure'] {
  async function once(...[input, access]: Parameters<Lifecycle['ensure']>): Promise<Tenant> {
    const tenant = await store.find({ kind: 'slug', value: String(input.slug).toLowerCase() })
    if (tenant === undefined) return create(input, access)
    const { isDefault = false, isControl = false } = input
    if (tenant.isDefault !== isDefault || tenant.isControl !== isControl) {
      throw new TenancyError('TENANT_EXISTS', { field: 'slug', value: tenant.slug })
    }
    const [last] = await store.history(tenant.id, 1)
    if (last !== undefined && (last.state === 'running' || last.state === 'undoing')) {
      await perform({ operation: last, isNew: false, tenant })
    }
    const now = await store.find({ kind: 'id', value: tenant.id })
    if (now === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${tenant.id}` })
    return now.status === 'failed' ? retry(now.id, access) : now
  }

  return async (input, access) => {
    for (let tries = 1; ; tries++) {
      try {
        return await once(input, access)
      } catch (error) {
        if (!isRace(error) || tries >= attempts) throw error
      }
    }
  }
}

/** Another process was faster: the next look finds what it makes. */
function isRace(error: unknown): boolean {
  return isTenancyError(error) && ['TENANT_EXISTS', 'OPERATION_UNDERWAY', 'TRANSITION_REFUSED'].includes(error.code)
}
