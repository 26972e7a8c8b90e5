import type { AnyTenancyError } from './errors.ts'
import type { TenantKey } from './registry.ts'
import type { Match } from './resolver.ts'

/**
 * How the resolution of a request ended.
 *
 * - `resolved`: a verified source names a tenant that may be served
 * - `defaulted`: served by the default tenant, as configured
 * - `absent`: no signal at all
 * - `unknown`: a signal, but no such tenant
 * - `invalid`: a malformed signal or a bad credential
 * - `unverified`: named, but only by sources that nothing vouches for
 * - `ambiguous`: sources name different tenants
 * - `inactive`: found, but may not be served
 */
export type Outcome =
  | 'resolved'
  | 'defaulted'
  | 'absent'
  | 'unknown'
  | 'invalid'
  | 'unverified'
  | 'ambiguous'
  | 'inactive'

/** What one resolver made of a request. */
export interface Step {
  readonly by: string
  /** Absent for a credential that is good for several tenants. */
  readonly key?: TenantKey
  readonly trust?: Match['trust']
  /** The id of the credential that was verified. */
  readonly credential?: string
  /** The id of the tenant that the key names. */
  readonly tenant?: string
  /** What is wrong with the signal. */
  readonly error?: string
}

/** An entry that is still written. */
export type OpenStep = { -readonly [Name in keyof Step]: Step[Name] }

/** Why a request was sent where it was sent, or refused. Safe to log. */
export interface Trace {
  readonly outcome: Outcome
  /** One entry for each resolver that was asked, in order. */
  readonly steps: readonly Step[]
  /** The tenant that the request is served for. */
  readonly tenant?: string
  /** The code of the refusal. */
  readonly code?: AnyTenancyError['code']
  /** Why the outcome is what it is, as a sentence. */
  readonly reason: string
}
