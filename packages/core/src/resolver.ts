import type { Awaitable } from './awaitable.ts'
import type { Principal } from './principal.ts'
import type { TenantKey } from './registry.ts'
import type { RequestView } from './request-view.ts'

/** What a resolver found in a request. */
export interface Match {
  readonly key: TenantKey
  /**
   * `verified`: a credential proves it, or it is the address that was called. `asserted`: the caller merely says so; not
   * served unless a verified source names the same tenant.
   */
  readonly trust: 'verified' | 'asserted'
  /** An unknown tenant here may be served by the default tenant, where one is configured. Only for addresses. */
  readonly fallback?: boolean
  /** Who calls. Only with `verified`: what is asserted proves nobody. */
  readonly principal?: Principal | undefined
}

/** One way in which a request can name its tenant. */
export interface Resolver {
  /** Stands in traces, logs and errors. */
  readonly name: string
  /**
   * Reads one signal off the request.
   *
   * @returns `undefined` when the request carries no such signal.
   * @throws {TenancyError} `REQUEST_INVALID` or `CREDENTIAL_INVALID` when the signal is there and bad. That ends the chain:
   * a bad credential never falls back to anything.
   */
  resolve(request: RequestView): Awaitable<Match | undefined>
}
