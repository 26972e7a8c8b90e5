import { isTenancyError, type Lifecycle, type Tenant, type TenantStore } from '@tenantry/core'
import { errorCode } from '../error-code.ts'
import type { Random } from '../random.ts'

/** How an attempt on a tenant that others work on ended. */
export type Contended = { readonly counted: boolean } | { readonly conflict: true } | { readonly problem: string }

const by = { actor: 'storm' }

/** What may be answered where somebody else is faster. */
const conflicts: ReadonlySet<string> = new Set(['VERSION_CONFLICT', 'OPERATION_UNDERWAY', 'TRANSITION_REFUSED'])

/** One thing to a tenant that all processes work on: counting it up, against the version that was read, or closing and opening it. */
export async function contend(
  id: string,
  random: Random,
  store: TenantStore,
  lifecycle: Lifecycle,
): Promise<Contended> {
  const tenant = (await store.find({ kind: 'id', value: id })) as Tenant
  const work = random.pick(['count', 'count', 'count', 'suspend', 'resume'] as const)
  try {
    if (work === 'count') {
      const count = Number(tenant.settings.count ?? 0) + 1
      await lifecycle.setSettings(id, { count }, { ...by, expected: tenant.version })
      return { counted: true }
    }
    await lifecycle[work](id, by)
    return { counted: false }
  } catch (error) {
    return isTenancyError(error) && conflicts.has(error.code)
      ? { conflict: true }
      : { problem: `${work} of ${id}: ${errorCode(error)}` }
  }
}

/** A second default or control tenant, which must be refused. */
export async function usurp(id: string, random: Random, lifecycle: Lifecycle): Promise<string | undefined> {
  const flag = random.pick(['isDefault', 'isControl'] as const)
  try {
    await lifecycle.create({ id, slug: id, name: id, [flag]: true }, by)
    return `a second tenant with ${flag} was made`
  } catch (error) {
    if (isTenancyError(error) && error.code === 'TENANT_EXISTS' && error.details.field === flag) return undefined
    return `a second tenant with ${flag}: ${errorCode(error)}`
  }
}
