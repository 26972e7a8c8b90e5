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

/**
 * A credential that may be good for several tenants: it names none, and says of each whether it may be entered. What else the request
 * names is served only if every grant admits it; a name that is merely asserted, such as a header, is enough to choose.
 */
export interface Grant {
  readonly trust: 'verified'
  /** Who calls, before it is known where. */
  readonly principal?: Principal | undefined
  /**
   * Who calls, in this tenant. Asked anew for each request, and also about tenants that do not exist.
   *
   * @param tenant - its id.
   * @returns `undefined` when the tenant may not be entered: the request is then refused with `TENANT_AMBIGUOUS`.
   */
  admits(tenant: string): Awaitable<Principal | undefined>
  /** The id of the tenant that is meant when the request names none; `undefined` when it has to: nothing is picked silently. */
  home(): Awaitable<string | undefined>
}

/** One way in which a request can name its tenant. */
export interface Resolver {
  /** Stands in traces, logs and errors. */
  readonly name: string
  /**
   * Reads one signal off the request.
   *
   * @returns a tenant that is named, or a credential that says which may be entered; `undefined` when the request carries no such signal.
   * @throws {TenancyError} `REQUEST_INVALID` or `CREDENTIAL_INVALID` when the signal is there and bad. That ends the chain:
   * a bad credential never falls back to anything.
   */
  resolve(request: RequestView): Awaitable<Match | Grant | undefined>
}
