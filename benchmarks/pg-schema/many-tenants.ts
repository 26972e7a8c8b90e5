import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Measure } from '../measure.ts'
import { median } from '../median.ts'
import { type BenchDatabase, tenantIn } from './bench-database.ts'

/** Plain JSON. */
export interface ManyTenantsResult {
  readonly tenants: number
  /** Milliseconds a tenant, the median of each tenth. */
  readonly milliseconds: readonly number[]
  /** What the process keeps after each tenth, in MB. */
  readonly heap: readonly number[]
  readonly measures: readonly Measure[]
}

/** Provisions many tenants one after another: neither the time for one nor what the process keeps may grow with their number. */
export async function provisionMany({ isolation }: BenchDatabase, tenants: number): Promise<ManyTenantsResult> {
  const collect = garbageCollector()
  const tenth = Math.ceil(tenants / 10)
  const milliseconds: number[] = []
  const heap: number[] = []
  for (let part = 0; part < 10; part++) {
    const times: number[] = []
    for (let index = 0; index < tenth; index++) {
      const start = performance.now()
      await isolation.provision(tenantIn(`t_many_${part * tenth + index}`))
      times.push(performance.now() - start)
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K  tenants: ${part * tenth + index + 1} of ${tenants} `)
    }
    collect()
    milliseconds.push(median(times))
    heap.push(process.memoryUsage().heapUsed / 2 ** 20)
    if (!process.stderr.isTTY) console.error(`  tenants: ${(part + 1) * tenth} of ${tenants}`)
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  return {
    tenants,
    milliseconds,
    heap,
    measures: [
      { what: 'time, last tenth / first', value: ratioOfEnds(milliseconds), unit: '×', atMost: 1.5 },
      { what: 'memory, last tenth / first', value: ratioOfEnds(heap), unit: '×', atMost: 1.1 },
    ],
  }
}

function ratioOfEnds(numbers: readonly number[]): number {
  return (numbers.at(-1) ?? Number.NaN) / (numbers[0] ?? Number.NaN)
}

/** Without a flag on the command line. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}
