import { setImmediate as turn } from 'node:timers/promises'
import { Caught } from '../caught.ts'
import { errorCode, leavesUnknown } from '../error-code.ts'
import type { Random } from '../random.ts'
import type { Tally } from '../tally.ts'
import { notAnswered, patient } from './patience.ts'
import type { Inhabitant, Stored, World } from './world.ts'

/** What one operation works with. */
export interface Act {
  readonly world: World
  readonly self: Inhabitant
  readonly random: Random
  readonly tally: Tally
}

/** One thing that a tenant does. Called in its context. */
export interface Operation {
  readonly name: string
  /** How often, against the others. */
  readonly weight: number
  /** Codes that it may end with, those of lost connections aside. */
  readonly expects?: readonly string[]
  run(act: Act): Promise<unknown>
}

/** Looks at documents: each must be the tenant's own. */
export function look<T extends Pick<Stored, 'owner'>>({ self, tally }: Act, documents: readonly T[]): readonly T[] {
  tally.rows += documents.length
  for (const { owner } of documents)
    if (owner !== self.tenant.id) throw new Caught('leak', `${self.tenant.id} has got a document of ${owner}`)
  return documents
}

/** @throws {Caught} `wrong` unless it holds. */
export function must(holds: boolean, problem: string): void {
  if (!holds) throw new Caught('wrong', problem)
}

/** Work that must be refused with one of these codes. */
export async function refused(what: string, codes: readonly string[], work: () => unknown): Promise<void> {
  let outcome: string
  try {
    await work()
    outcome = 'nothing'
  } catch (error) {
    if (error instanceof Caught) throw error
    outcome = errorCode(error)
  }
  must(codes.includes(outcome), `${what} ended with ${outcome}, not ${codes.join(' or ')}`)
}

/** Changes one document, and knows what is there afterwards, or that nobody can know. */
export async function change(
  { self, random }: Act,
  work: (id: number, version: number) => Promise<number | undefined>,
): Promise<void> {
  const row = self.rows.take(random)
  if (row === undefined) return
  try {
    self.rows.settle(row.id, await patient(work(row.id, row.version)))
  } catch (error) {
    // Anything but a lost connection says that nothing was done.
    self.rows.settle(row.id, isUncertain(error) ? 'unknown' : row.version)
    throw error
  }
}

/** Whether nobody knows if a change was made. */
export function isUncertain(error: unknown): boolean {
  return leavesUnknown(error) || errorCode(error) === notAnswered
}

/** Lets others go first, some of the time. */
export async function yields(random: Random): Promise<void> {
  if (random.chance(0.5)) await turn()
}
