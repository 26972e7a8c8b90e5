import { deepFreeze, isDeeplyFrozen } from './deep-freeze.ts'
import { TenancyError } from './errors.ts'
import type { Tenant } from './tenant.ts'
import { tenantIdSchema } from './tenant-input.ts'

/**
 * A tenant as the context holds it: plain, frozen, and nobody else's. Registries may hand out rows, class instances or objects that
 * they go on changing, so the fields are read once, one by one.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for what is no tenant, naming the field.
 */
export function snapshotOf(tenant: Tenant): Tenant {
  if (isDeeplyFrozen(tenant)) return tenant
  const { id, slug, name, status, isDefault, isControl, version } = tenant
  if (!tenantIdSchema.safeParse(id).success) refuse('id', 'must be a tenant id')
  if (typeof slug !== 'string' || slug === '') refuse('slug', 'must be text')
  const placement = copy('placement', tenant.placement)
  const settings = copy('settings', tenant.settings)
  return deepFreeze({ id, slug, name, status, placement, isDefault, isControl, version, settings })
}

/**
 * For registries: freezes a tenant that was made from a row just now, and which nobody else has. Nothing copies it any more.
 *
 * @example
 * frozenTenant({ id, slug, name, status, placement, isDefault, isControl, version, settings })
 */
export function frozenTenant(tenant: Tenant): Tenant {
  return deepFreeze(tenant)
}

function copy<T>(field: string, value: T): T {
  try {
    return structuredClone(value)
  } catch (cause) {
    return refuse(field, 'must be plain data', cause)
  }
}

function refuse(field: string, rule: string, cause?: unknown): never {
  throw new TenancyError('ARGUMENT_INVALID', { field: `tenant.${field}`, rule }, { cause })
}
