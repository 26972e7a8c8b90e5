import type { Awaitable, ClaimMappings, Logger, Memberships, Secret } from '@tenantry/core'
import type { JSONWebKeySet } from 'jose'

/** Options of {@link jwt}. */
export interface JwtOptions {
  /** Who may sign. Each name stands once; a token of anybody else is refused. */
  readonly issuers: readonly JwtIssuer[]
  /** Where the token stands: after `Bearer` in `authorization`, the default, or alone in a header of another name. */
  readonly header?: string
  /**
   * What a good token without the claim is. `refuse`, the default: a bad credential. `ignore`: no signal, so that other sources
   * say whose request it is; then nothing binds the token to that tenant.
   */
  readonly onMissingClaim?: 'refuse' | 'ignore'
  /**
   * Milliseconds for which a token that was verified is not verified again, at most 300,000; never beyond its `exp`. Default 30,000;
   * 0 for none. Known by a hash, 10,000 at once. What may change is asked each time: `tenants`, `mappings`, `memberships`.
   */
  readonly remember?: number
  /** Hears in fixed words why a token was refused, for the operator; the caller is never told. Never hears the token. */
  readonly logger?: Logger
}

/** One issuer of tokens, and what is believed of it. */
export interface JwtIssuer {
  /** The `iss` of its tokens, compared byte by byte. */
  readonly issuer: string
  /** Who the tokens must be meant for: one of these stands in `aud`. */
  readonly audience: string | readonly string[]
  /** With what it signs. Symmetric ones (`HS…`) only with a `secret`, the others only with a key set. `none` is no algorithm. */
  readonly algorithms: readonly JwtAlgorithm[]
  readonly keys: JwtKeys
  /**
   * For which tenants it may speak (E6): their ids, a question asked for each good token, or `all`, which only an issuer
   * that is yours should have. An identity provider of a customer gets that customer's tenant and no other.
   */
  readonly tenants: 'all' | readonly string[] | TenantsQuestion
  /** The claim with the tenant's id. Default `tenant_id`. A member of the token itself: dots lead nowhere. */
  readonly claim?: string
  /**
   * Which values of its claims lead to which tenants (A15 – A20), in place of `claim`. A token may lead to several: then the request has
   * to choose, by host, path or header, or a default of `memberships` does.
   */
  readonly mappings?: ClaimMappings
  /** The roles that `mappings` may name, the highest first. Default Admin, Operator, Viewer. */
  readonly roles?: readonly string[]
  /**
   * Which tenants its users may enter (C33). A token that names a tenant is then good for it only as long as its subject is a member; one
   * that names none is good for all of theirs, and the request chooses. With `mappings` it says no more than which of them is the default.
   */
  readonly memberships?: Memberships
  /** The claim with the role, of an issuer that knows the application's roles. Default none: no role. */
  readonly roleClaim?: string
  /** The `typ` of its tokens, such as `at+jwt` (RFC 9068). Default: absent, `JWT` or `at+jwt`; no other kind of token. */
  readonly typ?: string
  /** Whether a token without `exp` is refused. Default `true`. */
  readonly requireExpiry?: boolean
  /** How many milliseconds its clock and ours may be apart, at most five minutes. Default 0. */
  readonly clockTolerance?: number
}

/** Whether the issuer may speak for the tenant. Anything but `true` is a no. */
export type TenantsQuestion = (tenant: string, claims: Readonly<Record<string, unknown>>) => Awaitable<boolean>

/**
 * The keys of an issuer: a key set behind an `https:` address, which is fetched when it is needed, kept for ten minutes and
 * fetched again for a key that is new, at most once in 30 seconds; a key set at hand; or a secret that both sides know, at least
 * as long as the hash (RFC 7518, section 3.2). `allowInsecure` permits `http:`, for tests.
 *
 * While the address does not answer, the keys that are known go on being used for `outage` milliseconds beyond their ten minutes, by default an
 * hour, at most a day; a key that is not known is `CREDENTIALS_UNAVAILABLE`. So a token of a key that was taken away ends within ten minutes and
 * {@link JwtOptions.remember}, and within `outage` more where the issuer is down.
 */
export type JwtKeys =
  | { readonly url: string; readonly allowInsecure?: boolean; readonly outage?: number }
  | { readonly jwks: JSONWebKeySet }
  | { readonly secret: Secret }

/** Signature algorithms (RFC 7518, 8037, 9864). */
export type JwtAlgorithm =
  | ('RS256' | 'RS384' | 'RS512' | 'PS256' | 'PS384' | 'PS512')
  | ('ES256' | 'ES384' | 'ES512' | 'EdDSA' | 'Ed25519')
  | ('HS256' | 'HS384' | 'HS512')
