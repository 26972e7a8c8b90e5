import type { Principal } from '@tenantry/core'
import type { CheckedIssuer } from './check-issuer.ts'

/** Who calls, as the claims of a verified token say. */
export function principalOf(claims: Readonly<Record<string, unknown>>, issuer: CheckedIssuer): Principal {
  const { jti, sub } = claims
  const { roleClaim = '' } = issuer
  const role = Object.hasOwn(claims, roleClaim) ? claims[roleClaim] : undefined
  const scopes = scopesOf(claims)
  return {
    issuer: issuer.issuer,
    ...(typeof jti === 'string' && { credential: jti }),
    ...(typeof sub === 'string' && { subject: sub }),
    ...(typeof role === 'string' && { role }),
    ...(scopes !== undefined && { scopes }),
  }
}

/**
 * `scope` (RFC 9068, section 2.2.3), or `scp`, as some issuers write it, in one text or as a list. What is there and cannot be read
 * permits nothing.
 */
function scopesOf(claims: Readonly<Record<string, unknown>>): readonly string[] | undefined {
  const name = ['scope', 'scp'].find(each => Object.hasOwn(claims, each))
  if (name === undefined) return undefined
  const said = claims[name]
  if (typeof said === 'string') return said.split(' ').filter(scope => scope !== '')
  return Array.isArray(said) && said.every(scope => typeof scope === 'string') ? said : []
}
