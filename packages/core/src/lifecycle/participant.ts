import type { Erasure, Holding } from '../isolation.ts'
import type { Tenant } from '../tenant.ts'

/**
 * What takes part in a tenant's life: every `Isolation` is one, and so may be a folder of files, a DNS entry, a billing account.
 *
 * Each member is one step of an operation, recorded before it is taken. A process may die between the two, or stall so long that
 * another takes the step over; so each must be idempotent, and must bear to be called twice at the same time. What has no member has
 * no step.
 */
export interface Participant {
  /** Short and stable: it stands in the journal. No two of a life cycle have the same. */
  readonly name: string
  /** Makes what the tenant needs; adopts nothing that it did not make. */
  provision?(tenant: Tenant, step: StepKey): Promise<void>
  /** Erases what the tenant has, or what a `provision` that failed has left; says what that was. */
  deprovision?(tenant: Tenant, step: StepKey): Promise<Erasure>
  /** Ends what is under way for the tenant within `deadline` milliseconds, and lets nothing begin. */
  suspend?(tenant: Tenant, deadline: number, step: StepKey): Promise<void>
  /** Lets it begin again. */
  resume?(tenant: Tenant, step: StepKey): Promise<void>
  /** What there is of the tenant: for the dry run before an erasure, and for the proof behind it. */
  inventory?(tenant: Tenant): Promise<readonly Holding[]>
}

/**
 * Names a step for ever: `<operation>/<participant>.<member>`. The same when the step is taken again, so that it is the idempotency
 * key for a service that is called.
 */
export type StepKey = string
