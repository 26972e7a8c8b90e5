import type { ClaimMappings } from '@tenantry/core'
import { candidatesOf } from '../claims/candidates-of.ts'
import { checkRoles, defaultRoles } from '../claims/roles.ts'
import type { OidcLoginOptions } from './oidc-login-options.ts'

/** Options of {@link admitByClaims}. */
export interface AdmitByClaimsOptions {
  /** `memoryClaimMappings(…)`, or a Postgres registry. */
  readonly mappings: ClaimMappings
  /** The roles that `mappings` may name, the highest first. Default Admin, Operator, Viewer. */
  readonly roles?: readonly string[]
}

/**
 * Lets somebody into a tenant whose claims lead there (A15 – A20), with the highest role that they give; for tenants that share a provider.
 * What else the claims lead to is nothing here: the tenant was chosen when the login began.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for bad `roles`; when asked, `CONFIG_INVALID` for a mapping to an unknown role.
 * @example
 * oidcLogin({ admit: admitByClaims({ mappings: registry }), … })
 */
export function admitByClaims({ mappings, roles = defaultRoles }: AdmitByClaimsOptions): OidcLoginOptions['admit'] {
  const ranked = checkRoles(roles, 'roles')
  return async (claims, tenant) => {
    const { iss } = claims
    if (typeof iss !== 'string') return undefined
    const candidates = await candidatesOf(mappings, ranked, iss, claims)
    return candidates.has(tenant.id) ? { role: candidates.get(tenant.id) } : undefined
  }
}
