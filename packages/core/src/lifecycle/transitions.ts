import { TenancyError } from '../errors.ts'
import type { Tenant, TenantStatus } from '../tenant.ts'

/** What can be done to a tenant. */
export type OperationKind =
  | 'create'
  | 'activate'
  | 'suspend'
  | 'resume'
  | 'archive'
  | 'restore'
  | 'destroy'
  | 'retry'
  | 'rename'
  | 'setDomains'
  | 'setSettings'

/** What an operation does to a tenant's status. */
export interface Transition {
  /** The statuses that it may begin from. Empty: the tenant is made by it. */
  readonly from: readonly TenantStatus[]
  /** The status while it is under way. `same`: it stays. */
  readonly during: TenantStatus | 'same'
  /** The status at its end. `gone`: there is a tombstone, and no tenant. */
  readonly to: TenantStatus | 'same' | 'gone'
  /** The status when it has failed and was undone; absent where it is never undone, but goes on until it is done. */
  readonly failed?: TenantStatus
  /** Whether the default and the control tenant refuse it (T31, P19). */
  readonly guarded: boolean
}

/**
 * The life of a tenant, as data. What stands nowhere in it is refused, also an operation that would change nothing (P14).
 *
 * What closes a door changes the status first and is never undone; what opens one changes it last.
 */
export const transitions = {
  create: { from: [], during: 'provisioning', to: 'active', failed: 'failed', guarded: false },
  retry: { from: ['failed'], during: 'provisioning', to: 'active', failed: 'failed', guarded: false },
  activate: { from: ['provisioning'], during: 'provisioning', to: 'active', failed: 'provisioning', guarded: false },
  suspend: { from: ['active'], during: 'suspended', to: 'suspended', guarded: true },
  resume: { from: ['suspended'], during: 'suspended', to: 'active', failed: 'suspended', guarded: false },
  archive: { from: ['active', 'suspended'], during: 'archived', to: 'archived', guarded: true },
  restore: { from: ['archived'], during: 'archived', to: 'active', failed: 'archived', guarded: false },
  destroy: { from: ['archived', 'failed', 'provisioning'], during: 'deprovisioning', to: 'gone', guarded: true },
  rename: { from: ['provisioning', 'active', 'suspended', 'failed'], during: 'same', to: 'same', guarded: false },
  setDomains: { from: ['provisioning', 'active', 'suspended', 'failed'], during: 'same', to: 'same', guarded: false },
  setSettings: { from: ['provisioning', 'active', 'suspended', 'failed'], during: 'same', to: 'same', guarded: false },
} as const satisfies Readonly<Record<OperationKind, Transition>>

/**
 * Refuses what the table does not have.
 *
 * @throws {TenancyError} `TRANSITION_REFUSED`
 */
export function assertTransition(
  kind: OperationKind,
  tenant: Pick<Tenant, 'id' | 'status' | 'isDefault' | 'isControl'>,
): void {
  const { from, guarded }: Transition = transitions[kind]
  const { id, status, isDefault, isControl } = tenant
  if (!from.includes(status)) {
    throw new TenancyError('TRANSITION_REFUSED', { tenant: id, operation: kind, rule: `it is ${status}` })
  }
  if (guarded && (isDefault || isControl)) {
    const rule = `it is the ${isDefault ? 'default' : 'control'} tenant`
    throw new TenancyError('TRANSITION_REFUSED', { tenant: id, operation: kind, rule })
  }
}
