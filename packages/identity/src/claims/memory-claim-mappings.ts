import { type ClaimMappings, isTenantId, type MappedClaim, TenancyError } from '@tenantry/core'
import { isClaim } from './claim-values.ts'
import { checkRoles, defaultRoles } from './roles.ts'

/** How one tenant is told from the claims of an issuer (A18). */
export interface TenantClaims {
  readonly tenant: string
  readonly issuer: string
  /** The claim that discriminates: a name, or a JSON Pointer such as `/realm_access/roles`. Default `tenant` (A16). */
  readonly claim?: string
  /** Any of these values selects the tenant (A19). */
  readonly match: readonly string[]
  /** What a value makes of whoever has it: value → role (A20). A value without one gives no role. */
  readonly roles?: Readonly<Record<string, string>>
}

/**
 * Mappings of a configuration.
 *
 * @param options - `roles`: those that a mapping may name, the highest first. Default Admin, Operator, Viewer (A21).
 * @throws {TenancyError} `ARGUMENT_INVALID` for an unknown role, a role of a value that selects nothing, and a value that two tenants
 * have in one claim of an issuer (C34).
 * @example
 * memoryClaimMappings([
 *   { tenant: 'acme-eu', issuer, claim: 'groups', match: ['acme-admins', 'acme-viewers'], roles: { 'acme-admins': 'Admin', 'acme-viewers': 'Viewer' } },
 * ])
 */
export function memoryClaimMappings(
  tenants: readonly TenantClaims[],
  options: { readonly roles?: readonly string[] } = {},
): ClaimMappings {
  const roles = checkRoles(options.roles ?? defaultRoles, 'roles')
  const claims = new Map<string, Set<string>>()
  const mapped = new Map<string, MappedClaim>()
  const textOf = (...parts: readonly string[]) => JSON.stringify(parts)

  tenants.forEach(({ tenant, issuer, claim = 'tenant', match, roles: given = {} }, index) => {
    const bad = (field: string, rule: string) =>
      new TenancyError('ARGUMENT_INVALID', { field: `tenants[${index}].${field}`, rule })
    if (!isTenantId(tenant)) throw bad('tenant', 'must be the id of a tenant')
    if (typeof issuer !== 'string' || issuer === '') throw bad('issuer', 'must be the "iss" of its tokens')
    if (!isClaim(claim)) throw bad('claim', 'must be the name of a claim, or a JSON Pointer to one')
    if (!Array.isArray(match) || match.length === 0 || match.some(value => typeof value !== 'string' || value === ''))
      throw bad('match', 'must hold at least one value')
    for (const [value, role] of Object.entries(given)) {
      if (!match.includes(value)) throw bad('roles', 'must be of values that select the tenant')
      if (!roles.includes(role)) throw bad('roles', `must be some of ${roles.join(', ')}`)
    }
    for (const value of match) {
      const name = textOf(issuer, claim, value)
      if (mapped.has(name)) throw bad('match', 'must be of this tenant alone, and stand once')
      mapped.set(
        name,
        Object.freeze({ claim, value, tenant, role: Object.hasOwn(given, value) ? given[value] : undefined }),
      )
    }
    claims.set(issuer, (claims.get(issuer) ?? new Set()).add(claim))
  })

  return {
    identityClaims: issuer => [...(claims.get(issuer) ?? [])],
    findIdentities: (issuer, values) =>
      values.flatMap(({ claim, value }) => mapped.get(textOf(issuer, claim, value)) ?? []),
  }
}
