import type { PgBouncer } from '@tenantry/servers'
import { keepUp } from './keep-up.ts'
import { reportOf, type StormReport } from './report.ts'
import { runStorm, type StormOptions } from './storm.ts'
import { createWorld, type WorldOptions } from './world.ts'

/** Options of {@link brew}. */
export interface BrewOptions extends WorldOptions, StormOptions {
  /** What the route leads through; started again when it dies. */
  readonly pooler?: PgBouncer | undefined
}

/** One storm from the empty database to the report. */
export async function brew(options: BrewOptions): Promise<StormReport> {
  const world = await createWorld(options)
  const watch =
    options.pooler === undefined ? undefined : keepUp(options.pooler, error => world.tally.failed('pooler', error))
  try {
    const seconds = await runStorm(world, options)
    return reportOf(world, options.seed, seconds, watch?.deaths ?? [])
  } finally {
    watch?.stop()
    await world.subject.close()
  }
}
