import { AssertionError } from 'node:assert/strict'
import { seeded } from '../random.ts'
import { type ConformanceOptions, settingsOf } from '../run-law.ts'
import { doorContextLaws } from './context-laws.ts'
import type { Door, MakeDoor } from './door.ts'
import { type DoorWorld, doorWorld } from './door-bench.ts'
import type { DoorLaw } from './door-law.ts'
import { doorRefusalLaws } from './refusal-laws.ts'
import { doorSocketLaws } from './socket-laws.ts'
import { doorStreamLaws } from './stream-laws.ts'

/** The laws of doors: what lets requests in. */
export const middlewareLaws: readonly DoorLaw[] = [
  ...doorContextLaws,
  ...doorStreamLaws,
  ...doorSocketLaws,
  ...doorRefusalLaws,
]

/** One law on one door, in the shape that every test runner takes. */
export interface DoorCase {
  readonly name: string
  readonly law: DoorLaw
  /** Runs the law, after those that were started before. */
  run(): Promise<void>
}

/** The laws on one door. */
export interface DoorSuite {
  readonly door: Door
  readonly seed: number
  readonly cases: readonly DoorCase[]
  /** Closes the door. The test runner calls it at the end. */
  close(): Promise<void>
}

/**
 * Runs one law on a door.
 *
 * @throws {Error} when the law is broken: names the law and the seed; the cause is what the law found.
 */
export async function runDoorLaw(
  law: DoorLaw,
  { door, bench }: DoorWorld,
  options: Pick<ConformanceOptions, 'seed' | 'timeLimit'> = {},
): Promise<void> {
  const { seed, timeLimit } = settingsOf(options)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const message = `The law did not end within ${timeLimit} ms.`
    timer = setTimeout(() => reject(new AssertionError({ message })), timeLimit)
  })
  try {
    await Promise.race([law.run(bench(seeded(seed, law.name), timeLimit)), late])
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`Broken: ${law.name} (${door.name}, seed ${seed}). ${found}`, { cause })
  } finally {
    clearTimeout(timer)
  }
}

/**
 * The conformance suite of a door, for any test runner. Starts the door at once.
 *
 * @example
 * const { cases, close } = await middlewareCases(makeDoor)
 * for (const { name, run } of cases) test(name, run)
 * after(close)
 */
export async function middlewareCases(
  makeDoor: MakeDoor,
  options: Pick<ConformanceOptions, 'seed' | 'timeLimit'> = {},
): Promise<DoorSuite> {
  const { seed, timeLimit } = settingsOf(options)
  const world = await doorWorld(makeDoor)
  // Laws count what reaches the application, so a runner that starts them together still gets them one after another.
  let last: Promise<unknown> = Promise.resolve()

  function run(law: DoorLaw): Promise<void> {
    const now = last.then(() => runDoorLaw(law, world, { seed, timeLimit }))
    last = now.then(
      () => undefined,
      () => undefined,
    )
    return now
  }

  return {
    door: world.door,
    seed,
    cases: middlewareLaws.map(law => ({ name: law.name, law, run: () => run(law) })),
    close: () => world.door.close(),
  }
}
