import { TenancyError } from '@tenantry/core'

/** The roles of A21, the highest first. */
export const defaultRoles: readonly string[] = Object.freeze(['Admin', 'Operator', 'Viewer'])

/** @throws {TenancyError} `ARGUMENT_INVALID` for what is no order of roles. */
export function checkRoles(roles: readonly string[], field: string): readonly string[] {
  const isOrder = Array.isArray(roles) && roles.length > 0 && new Set(roles).size === roles.length
  if (!isOrder || !roles.every(role => typeof role === 'string' && role !== ''))
    throw new TenancyError('ARGUMENT_INVALID', { field, rule: 'must name each role once, the highest first' })
  return Object.freeze([...roles])
}

/** The higher of two roles, where one may be none. */
export function higher(
  roles: readonly string[],
  one: string | undefined,
  other: string | undefined,
): string | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return roles.indexOf(one) <= roles.indexOf(other) ? one : other
}
