import { AssertionError } from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import type { Cannot } from './abilities.ts'
import { makeBench } from './bench.ts'
import type { Law } from './law.ts'
import { laws } from './laws/laws.ts'
import { seeded } from './random.ts'
import type { Subject } from './subject.ts'

/** How laws are run. There is no option to leave one out: what an isolation need not hold, it does not claim. */
export interface ConformanceOptions {
  /** Repeats the choices of an earlier run, which its report or error names. Default random. */
  readonly seed?: number
  /** Milliseconds that each law has. Default 30 000. */
  readonly timeLimit?: number
  /** More laws, of the application or the adapter. */
  readonly more?: readonly Law[]
}

/** {@link ConformanceOptions} with the defaults in. */
export interface Settings {
  readonly seed: number
  readonly timeLimit: number
  readonly laws: readonly Law[]
}

/** Fills in the defaults. */
export function settingsOf({ seed, timeLimit = 30_000, more = [] }: ConformanceOptions): Settings {
  return { seed: seed ?? randomInt(2 ** 31), timeLimit, laws: [...laws, ...more] }
}

/** Why a law is not run on a subject, or `undefined` when it is: what is not claimed, and what the store cannot do. */
export function skipReason<Handle>(
  { claim, ability, member }: Law,
  { isolation, more }: Subject<Handle>,
): string | undefined {
  const { name, claims } = isolation
  if (claim !== 'always' && claims[claim] !== true) return `${name} does not claim ${claim}`
  if (member !== undefined && isolation[member] === undefined) return `${name} has no ${member}`
  if (ability === undefined) return undefined
  if (more === undefined) return `the subject of ${name} says nothing of ${ability}`
  // One that is left out is no reason to skip: the law fails, and says what is missing.
  const can: unknown = more[ability]
  return isCannot(can) ? `${name} has no ${ability}: ${can.cannot}` : undefined
}

function isCannot(can: unknown): can is Cannot {
  return typeof can === 'object' && can !== null && 'cannot' in can
}

/**
 * Runs one law on a subject, with a bench of its own.
 *
 * @throws {Error} when the law is broken: names the law and the seed; the cause is what the law found.
 */
export async function runLaw<Handle>(
  law: Law,
  subject: Subject<Handle>,
  options: Pick<ConformanceOptions, 'seed' | 'timeLimit'> = {},
): Promise<void> {
  const { seed, timeLimit } = settingsOf(options)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new AssertionError({ message: `The law did not end within ${timeLimit} ms.` })),
      timeLimit,
    )
  })
  const work = async (): Promise<void> => law.run(await makeBench(subject, seeded(seed, law.name), timeLimit))
  try {
    await Promise.race([work(), late])
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`Broken: ${law.name} (${subject.isolation.name}, seed ${seed}). ${found}`, { cause })
  } finally {
    clearTimeout(timer)
  }
}
