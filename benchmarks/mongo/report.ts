import { describeMeasure } from '../measure.ts'
import type { ReadResult } from './compare-reads.ts'
import type { ManyResult } from './connect-many.ts'

/** What was measured where; plain JSON. */
export interface Report {
  readonly machine: {
    readonly mongo: string
    readonly node: string
    readonly cpus: number
    readonly model: string | undefined
  }
  readonly rounds: number
  readonly operations: number
  readonly reads: readonly ReadResult[]
  readonly many: ManyResult
}

/** A report as lines of text. */
export function describeReport({ machine, rounds, operations, reads, many }: Report): string {
  const { mongo, node, cpus, model } = machine
  return [
    '',
    `A document by its id, ${mongo}, Node ${node}, ${cpus} × ${model}`,
    `${rounds} interleaved rounds of ${operations}; medians of the ratios of each round`,
    ...reads.flatMap(({ concurrency, microseconds, measures }) => [
      '',
      `${`  concurrency ${concurrency}`.padEnd(57)}µs`,
      ...Object.entries(microseconds).map(([name, value]) => `    ${name.padEnd(45)} ${value.toFixed(1).padStart(9)}`),
      ...measures.map(describeMeasure),
    ]),
    '',
    `  ${many.tenants} tenants, each with a URI, twice, all at once, over at most ${many.cap} clients: ${many.seconds.toFixed(1)} s`,
    ...many.measures.map(describeMeasure),
    '',
  ].join('\n')
}
