import type { Principal } from './principal.ts'

/** Who looks across tenants, and why. Both are logged, and written to the audit. */
export interface SystemAccess {
  readonly actor: string
  readonly reason: string
}

/** Who acts as whom, why, and until when. */
export interface ImpersonationEvidence {
  /** Who really acts. */
  readonly actor: string
  /** In whose place. */
  readonly as: string
  readonly reason: string
  /** Milliseconds since 1970, by the clock of the process that began it. */
  readonly until: number
}

/** One source that named the tenant of a request. */
export interface EvidenceSource {
  /** The resolver's name. */
  readonly resolver: string
  readonly trust: 'verified' | 'asserted'
  readonly principal?: Principal
}

/**
 * How a unit of work came to its tenant. Frozen. What is entered again inside keeps the evidence of the outermost.
 *
 * - `request`: a request named it. `sources` are what did, in the order of the chain, then credentials that admit to it; none for
 *   the default tenant.
 * - `run`: the application entered it. `resume`: a job's envelope named it.
 * - `system`: it was entered from the system scope, or is the system scope.
 * - `impersonation`: somebody acts in the place of somebody else.
 */
export type Evidence =
  | { readonly by: 'request'; readonly sources: readonly EvidenceSource[] }
  | { readonly by: 'run' }
  | { readonly by: 'resume' }
  | ({ readonly by: 'system' } & SystemAccess)
  | ({ readonly by: 'impersonation' } & ImpersonationEvidence)
