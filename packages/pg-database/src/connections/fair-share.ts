import type { Connection } from './connection.ts'
import { inUse, type Lane, sizeOf } from './lane.ts'

/** Whether another connection would serve somebody, and the tenant may have it. */
function wants(lane: Lane, maxPerTenant: number): boolean {
  return lane.waiters.size > lane.opening && sizeOf(lane) < maxPerTenant
}

/**
 * Of the lanes that want a connection the one with the fewest; of those, the one that was served longest ago.
 *
 * @param hungry - lanes whose waiters wait for more connections, the one that was served longest ago first.
 */
export function neediest(hungry: Iterable<Lane>, maxPerTenant: number): Lane | undefined {
  let found: Lane | undefined
  for (const lane of hungry) {
    if (!wants(lane, maxPerTenant)) continue
    if (found === undefined || inUse(lane) < inUse(found)) found = lane
    if (inUse(lane) === 0) break
  }
  return found
}

/**
 * The other lane, if it has a better right to the room of a connection than those who wait in its own.
 *
 * @param turn - milliseconds that a tenant may keep its only connection while another has none.
 */
export function rivalOf(lane: Lane, { openedAt }: Connection, other: Lane | undefined, turn: number): Lane | undefined {
  // One that nobody waits for is idle now, and goes to whoever wants one.
  if (other === undefined || lane.waiters.size === 0) return undefined
  if (inUse(other) < inUse(lane)) return other
  // Both have none now: they take turns.
  return other !== lane && inUse(lane) + inUse(other) === 0 && performance.now() - openedAt >= turn ? other : undefined
}
