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

/**
 * How a unit of work came to its tenant. Frozen. What is entered again inside keeps the evidence of the outermost.
 *
 * - `run`: the application entered it, for a request, say. `resume`: a job's envelope named it.
 * - `system`: it was entered from the system scope, or is the system scope.
 * - `impersonation`: somebody acts in the place of somebody else.
 */
export type Evidence =
  | { readonly by: 'run' }
  | { readonly by: 'resume' }
  | ({ readonly by: 'system' } & SystemAccess)
  | ({ readonly by: 'impersonation' } & ImpersonationEvidence)
