import { checkAfter } from './after.ts'
import { createRandom } from './random.ts'
import type { Turn } from './turn.ts'
import type { World } from './world.ts'

/** Options of {@link runStorm}. */
export interface StormOptions {
  readonly operations: number
  readonly seed: number
  /** Default 64. */
  readonly workers?: number
  /** Ends with the first leak or wrong answer; an error that nobody expected is not what a mutant is caught by. Default `false`. */
  readonly stopAtFirst?: boolean
  /** Told about four times a second. */
  readonly onProgress?: (operations: number) => void
}

/** Milliseconds after which an operation is taken for stuck. */
const stuckAfter = 30_000

/** The operation that found the first problem stands in the tally. Resolves with the seconds that it raged. */
export async function runStorm(world: World, options: StormOptions): Promise<number> {
  const { operations, seed, workers = 64, stopAtFirst = false, onProgress = () => undefined } = options
  const { tally } = world
  const running = new Map<number, { readonly name: string; readonly since: number }>()
  let next = 0
  let over = false

  async function operate(index: number): Promise<void> {
    const random = createRandom(seed, index)
    const operation = world.someOperation(random)
    const { name, expects = [] } = operation
    const tenant = random.pick(world.tenants)
    const other = random.pick(world.tenants.filter(({ id }) => id !== tenant.id))
    const rows = world.rows.get(tenant)
    if (rows === undefined) throw new Error(`Nothing is known of ${tenant.id}.`)
    const turn: Turn = { name, random, tenant, other, rows, db: world.db, world }
    running.set(index, { name, since: performance.now() })
    try {
      await world.tenancy.run(tenant, () => operation.run(turn))
      tally.ended(index, name, expects)
    } catch (error) {
      tally.ended(index, name, expects, error)
    }
    running.delete(index)
  }

  async function work(): Promise<void> {
    while (next < operations && !over) {
      await operate(next++)
      if (stopAtFirst && tally.problems.some(({ kind }) => kind !== 'unexpected')) over = true
    }
  }

  // What nobody listens to would end an application's process.
  const uncaught = (error: Error): void => tally.failed('uncaught exception', error)
  process.on('uncaughtException', uncaught)
  try {
    const begun = performance.now()
    const end = await Promise.race([Promise.all(Array.from({ length: workers }, work)), stuck()])
    const seconds = (performance.now() - begun) / 1000
    // What is stuck would be waited for; and a mutant has been shown, so that its rows are of no interest any more.
    if (end !== 'stuck' && (!stopAtFirst || tally.problems.length === 0)) await checkAfter(world)
    return seconds
  } finally {
    process.off('uncaughtException', uncaught)
  }

  function stuck(): Promise<'stuck'> {
    return new Promise(resolve => {
      const timer = setInterval(() => {
        onProgress(tally.operations)
        if (over || (next >= operations && running.size === 0)) clearInterval(timer)
        const [index, oldest] = running.entries().next().value ?? []
        if (index === undefined || oldest === undefined || performance.now() - oldest.since < stuckAfter) return
        tally.problem({ kind: 'wrong', operation: index, name: oldest.name, problem: 'it never came to an end' })
        over = true
        clearInterval(timer)
        resolve('stuck')
      }, 250)
    })
  }
}
