import { contextOperations } from '../../operations/contexts.ts'
import { faultOperations } from '../../operations/faults.ts'
import { type HostileParts, hostileOperations } from '../../operations/hostile.ts'
import { leaseOperations } from '../../operations/leases.ts'
import { ordinaryOperations } from '../../operations/ordinary.ts'
import type { Operation, Turn } from '../../turn.ts'

/** What an isolation adds to the statements of the operations that all on Postgres share. */
export interface SharedParts extends HostileParts {
  /** Statements that leave a tenant in the session. */
  planted(turn: Turn): readonly string[]
}

/** 89 % of what a storm does. The rest is the isolation's own. */
export function sharedOperations(parts: SharedParts): readonly Operation[] {
  return [
    ...ordinaryOperations,
    ...faultOperations,
    ...leaseOperations(parts.planted),
    ...contextOperations,
    ...hostileOperations(parts),
  ]
}
