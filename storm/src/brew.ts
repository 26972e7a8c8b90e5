import type { FreshDatabase } from '@tenantry/servers'
import { reportOf, type StormReport } from './report.ts'
import { runStorm, type StormOptions } from './storm.ts'
import { createWorld, type WorldOptions } from './world.ts'

/** Options of {@link brew}. */
export interface BrewOptions extends Omit<WorldOptions, 'database'>, StormOptions {
  /** Its `runtimeUrl` leads through the pooler where the route says so. */
  freshDatabase(): Promise<FreshDatabase>
}

/** One storm from the empty database to the report. */
export async function brew(options: BrewOptions): Promise<StormReport> {
  const database = await options.freshDatabase()
  const world = await createWorld({ ...options, database })
  try {
    const seconds = await runStorm(world, options)
    return reportOf(world, options.seed, seconds)
  } finally {
    await world.close()
    await database.drop()
  }
}
