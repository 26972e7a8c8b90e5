import { contextOperations } from './operations/contexts.ts'
import { faultOperations } from './operations/faults.ts'
import { forgeryOperations } from './operations/forgery.ts'
import { hostileOperations } from './operations/hostile.ts'
import { leaseOperations } from './operations/leases.ts'
import { ordinaryOperations } from './operations/ordinary.ts'
import type { Random } from './random.ts'
import type { Operation } from './turn.ts'

/** Everything that a tenant may do. The shares sum up to 100, so that each is a percentage. */
export const operations: readonly Operation[] = [
  ...ordinaryOperations,
  ...faultOperations,
  ...leaseOperations,
  ...contextOperations,
  ...hostileOperations,
  ...forgeryOperations,
]

const sum = operations.reduce((total, { share }) => total + share, 0)

export function someOperation(random: Random): Operation {
  let at = random.int(sum)
  for (const operation of operations) {
    at -= operation.share
    if (at < 0) return operation
  }
  throw new Error('The shares do not sum up.')
}
