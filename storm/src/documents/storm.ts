import { createProgress } from '../progress.ts'
import { createRandom } from '../random.ts'
import { createTally, type Tally } from '../tally.ts'
import type { Operation } from './acts.ts'
import { audit } from './audit.ts'
import { hostile } from './hostile.ts'
import type { Break } from './mutants.ts'
import { ordinary } from './ordinary.ts'
import { notAnswered, patient } from './patience.ts'
import { createWorld } from './world.ts'

/** What a storm is asked for. */
export interface StormOptions {
  readonly operations: number
  readonly seed: number
  readonly tenants: number
  readonly workers: number
  /** What is broken on purpose. */
  readonly broken?: Break
  /** Ends at the first problem. */
  readonly bail?: boolean
}

/** What a storm has found. */
export interface StormResult {
  readonly server: string
  readonly tally: Tally
  /** Documents that were compared at the end, and those that may be in either state. */
  readonly compared: number
  readonly unknown: number
  readonly seconds: number
}

const operations: readonly Operation[] = [...ordinary, ...hostile]
/** Each operation as often as its weight says, in tenths. */
const deck = operations.flatMap(operation => Array.from({ length: Math.round(operation.weight * 10) }, () => operation))
/** A nomad may be away, or go in the middle. */
const ofNomads = ['TENANT_STORE_MISSING', 'SCOPE_CLOSED']

/** Many tenants, random and hostile at once, over a server whose connections break. */
export async function storm({
  operations: count,
  seed,
  tenants,
  workers,
  broken,
  bail = false,
}: StormOptions): Promise<StormResult> {
  const start = performance.now()
  const tally = createTally()
  const world = await createWorld({ tenants, rows: 12 }, broken)
  const progress = createProgress('mongo', count)
  let next = 0

  async function one(index: number): Promise<void> {
    const random = createRandom(seed, index)
    const self = random.pick(world.inhabitants)
    const operation = random.pick(deck)
    const expects = [notAnswered, ...(operation.expects ?? []), ...(self.isNomad ? ofNomads : [])]
    const work = world.tenancy.run(self.tenant, () => operation.run({ world, self, random, tally }))
    const error = await patient(work).then(
      () => undefined,
      (caught: unknown) => caught,
    )
    tally.ended(index, operation.name, expects, error)
  }

  async function worker(): Promise<void> {
    while (next < count && !(bail && tally.problems.length > 0)) {
      await one(next++)
      progress.at(tally.operations)
    }
  }

  try {
    await Promise.all(Array.from({ length: workers }, worker))
    progress.end()
    const { compared, unknown } = await audit(world, tally)
    const seconds = (performance.now() - start) / 1000
    return { server: world.server.label, tally, compared, unknown, seconds }
  } finally {
    await world.close()
  }
}
