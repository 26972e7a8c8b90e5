import { type ClaimMappings, isTenantId, type Memberships, TenancyError } from '@tenantry/core'
import { checkRoles, defaultRoles } from '../claims/roles.ts'
import { issuerKeys, type KeyFinder } from './issuer-keys.ts'
import type { JwtIssuer, TenantsQuestion } from './jwt-options.ts'

/** An issuer whose options are good, with defaults in. */
export interface CheckedIssuer {
  readonly issuer: string
  readonly audience: string[]
  readonly algorithms: string[]
  readonly findKey: KeyFinder
  readonly mayName: TenantsQuestion
  readonly claim: string
  readonly mappings: ClaimMappings | undefined
  readonly memberships: Memberships | undefined
  readonly roles: readonly string[]
  readonly roleClaim: string | undefined
  /** Kinds of tokens, lower-case; `undefined` for a token that does not say. */
  readonly typs: readonly (string | undefined)[]
  readonly requiredClaims: string[]
  /** In seconds. */
  readonly clockTolerance: number
}

const asymmetric = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
const symmetric = ['HS256', 'HS384', 'HS512']

/** @throws {TenancyError} `ARGUMENT_INVALID` naming the option under `at`. */
export function checkIssuer(options: JwtIssuer, at: string): CheckedIssuer {
  const bad = (field: string, rule: string) => new TenancyError('ARGUMENT_INVALID', { field: `${at}.${field}`, rule })
  const { issuer, audience, algorithms, keys, tenants, claim = 'tenant_id', typ, clockTolerance = 0 } = options
  const { mappings, memberships, roles = defaultRoles, roleClaim } = options
  if (!isText(issuer)) throw bad('issuer', 'must be the "iss" of its tokens')
  const audiences = typeof audience === 'string' ? [audience] : [...(audience ?? [])]
  if (audiences.length === 0 || !audiences.every(isText)) throw bad('audience', 'must name at least one audience')
  if (!isText(claim)) throw bad('claim', 'must be the name of a claim')
  if (mappings !== undefined && options.claim !== undefined)
    throw bad('claim', 'must be left out with mappings, which say which claims there are')
  if (roleClaim !== undefined && (!isText(roleClaim) || mappings !== undefined))
    throw bad('roleClaim', 'must be the name of a claim, and be left out with mappings')
  if (typ !== undefined && !isText(typ)) throw bad('typ', 'must be a type of token, such as "at+jwt"')
  if (!(Number.isInteger(clockTolerance) && clockTolerance >= 0 && clockTolerance <= 300_000))
    throw bad('clockTolerance', 'must be a whole number of milliseconds from 0 to 300000')

  // One kind of key for one issuer: a public key can then never be taken for the secret of an HMAC (RFC 8725, section 3.1).
  const known = 'secret' in keys ? symmetric : asymmetric
  if (!Array.isArray(algorithms) || algorithms.length === 0 || !algorithms.every(name => known.includes(name)))
    throw bad('algorithms', `must be some of ${known.join(', ')} with these keys`)
  return {
    issuer,
    audience: audiences,
    algorithms: [...algorithms],
    findKey: issuerKeys(keys, algorithms, issuer, rule => bad('keys', rule)),
    mayName: questionOf(tenants, rule => bad('tenants', rule)),
    claim,
    ...{ mappings, memberships, roleClaim, roles: checkRoles(roles, `${at}.roles`) },
    typs: typ === undefined ? [undefined, 'jwt', 'at+jwt'] : [typeOf(typ)],
    requiredClaims: options.requireExpiry === false ? [] : ['exp'],
    clockTolerance: clockTolerance / 1000,
  }
}

/** A type of tokens in the form in which types are compared (RFC 7515, section 4.1.9). */
export function typeOf(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '')
}

function questionOf(tenants: JwtIssuer['tenants'], bad: (rule: string) => TenancyError): TenantsQuestion {
  if (tenants === 'all') return () => true
  if (typeof tenants === 'function') return tenants
  if (!Array.isArray(tenants) || tenants.length === 0 || !tenants.every(isTenantId))
    throw bad('must be "all", a function, or the ids of at least one tenant')
  const ids = new Set<string>(tenants)
  return tenant => ids.has(tenant)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
