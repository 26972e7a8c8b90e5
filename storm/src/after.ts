import { audit } from './audit.ts'
import type { Complaint } from './subject.ts'
import type { World } from './world.ts'

/** The least share of operations that must come to their end, or the storm would prove little. */
const leastAnswered = 0.6

/** What is looked at when the storm is over: what stands on the connections, and what stands in the tables. */
export async function checkAfter(world: World): Promise<void> {
  const { tally, subject } = world
  const complain: Complaint = (name, problem, kind = 'wrong') => tally.problem({ kind, operation: -1, name, problem })
  if (tally.answered < tally.operations * leastAnswered) {
    complain('availability', `only ${tally.answered} of ${tally.operations} operations came to their end`)
  }
  for (const residue of await subject.residue()) complain('residue', residue)
  await subject.disconnect()
  await audit(world, complain)
}
