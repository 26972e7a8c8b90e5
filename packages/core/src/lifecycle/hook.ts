import type { Awaitable } from '../awaitable.ts'
import type { Tenant } from '../tenant.ts'
import type { StepKey } from './participant.ts'
import type { OperationKind } from './transitions.ts'

/** What is asked for, before anything is written. */
export interface Intention {
  readonly kind: OperationKind
  readonly actor: string
  readonly reason?: string
  /** As it is now; absent for `create`. */
  readonly tenant?: Tenant
  /** What a new tenant is to be; with `create` only. */
  readonly input?: Pick<Tenant, 'slug' | 'name' | 'isDefault' | 'isControl' | 'settings'>
}

/** What the application has to say to an operation: a licence gate, an authorizer, a mail to the customer. */
export interface LifecycleHook {
  /** Short and stable: it stands in the journal. No two of a life cycle have the same, nor that of a participant. */
  readonly name: string
  /** The operations that it is asked about. A tenant that is to be active at once is asked about as `create` and as `activate`. */
  readonly on: readonly OperationKind[]
  /** What it throws refuses the operation: nothing was written. Asked once for each operation, not when it is taken up again. */
  before?(intention: Intention): Awaitable<void>
  /**
   * A step of the journal, behind the change of status: taken until it succeeds, so that it must be idempotent. No more when the tenant is
   * suspended or archived in the meantime, which waits for no hook; the audit then says that it was not told.
   *
   * @param tenant - as the operation left it; as it last was, when it is gone.
   */
  after?(tenant: Tenant, step: StepKey): Awaitable<void>
}
