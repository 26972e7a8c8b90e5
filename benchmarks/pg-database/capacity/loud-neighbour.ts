import type { Tenant } from '@tenantry/core'
import type { PgDatabase } from '@tenantry/pg-database'
import type { Measure } from '../../measure.ts'
import { median } from '../../median.ts'
import { percentile } from './percentile.ts'

/** Plain JSON. */
export interface LoudNeighbourResult {
  readonly rounds: number
  /** Milliseconds, of the others, round by round: with a quiet neighbour, and with one that has a hundred times the load. */
  readonly quiet: readonly number[]
  readonly loud: readonly number[]
  /** Requests a second that the neighbour got done while it was loud. */
  readonly neighbour: number
  readonly measures: readonly Measure[]
}

const seconds = 4

// A request that waits for a disk or a lock, as most do: on two cores the load would else measure the scheduler of the machine.
const work = 'select pg_sleep(0.004)'

/** Tenants with one request at a time, more of them than there are connections, beside one that has a hundred at a time. */
export async function loudNeighbour(
  isolation: PgDatabase,
  tenants: readonly Tenant[],
  { rounds }: { readonly rounds: number },
): Promise<LoudNeighbourResult> {
  const [neighbour, ...others] = tenants as [Tenant, ...Tenant[]]
  const handle = (tenant: Tenant) => isolation.handle(() => tenant)
  let done = 0

  async function round(load: number): Promise<number> {
    const end = performance.now() + seconds * 1000
    const latencies: number[] = []
    async function worker(tenant: Tenant, counts: boolean): Promise<void> {
      while (performance.now() < end) {
        const start = performance.now()
        await handle(tenant).query(work)
        if (counts) latencies.push(performance.now() - start)
        else done += load > 1 ? 1 : 0
        if (counts || load === 1) await new Promise(resolve => setTimeout(resolve, 20 + Math.random() * 20))
      }
    }
    await Promise.all([
      ...others.map(tenant => worker(tenant, true)),
      ...Array.from({ length: load }, () => worker(neighbour, false)),
    ])
    return percentile(latencies, 99)
  }

  const times = { quiet: [] as number[], loud: [] as number[] }
  await round(1)
  for (let at = 0; at < rounds; at++) {
    times.quiet.push(await round(1))
    times.loud.push(await round(100))
  }
  const ratios = times.loud.map((loud, at) => loud / (times.quiet[at] ?? Number.NaN))
  return {
    rounds,
    ...times,
    neighbour: done / (rounds * seconds),
    measures: [{ what: 'p99 of the others, loud / quiet', unit: '×', atMost: 2, value: median(ratios) }],
  }
}
