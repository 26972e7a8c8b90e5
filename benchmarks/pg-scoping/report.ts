import { cpus } from 'node:os'
import type { StatementResult } from './compare-statements.ts'
import { isMissed, type Measure } from './measure.ts'
import { titles } from './subjects.ts'

/** What was measured where; plain JSON. */
export interface Report {
  readonly machine: ReturnType<typeof machineOf>
  readonly rounds: number
  readonly operations: number
  readonly statements: readonly StatementResult[]
  /** On the server, for each table that a statement names. */
  readonly sealCost: readonly Measure[]
}

export function machineOf(postgres: string) {
  return { postgres, node: process.version, cpus: cpus().length, model: cpus()[0]?.model }
}

/** A report as lines of text. */
export function describeReport({ machine, rounds, operations, statements, sealCost }: Report): string {
  return [
    '',
    `Point read by primary key, PostgreSQL ${machine.postgres}, Node ${machine.node}, ${machine.cpus} × ${machine.model}`,
    `${rounds} interleaved rounds of ${operations}; medians of the ratios of each round`,
    ...statements.flatMap(({ concurrency, apart, subjects, measures }) => [
      '',
      `  concurrency ${concurrency}${apart ? ', client and server on cores of their own' : ''}`.padEnd(57) +
        'µs   to raw',
      ...subjects.map(
        ({ name, microseconds, toRaw }) =>
          `    ${titles[name].padEnd(45)} ${microseconds.toFixed(1).padStart(9)} ${toRaw.toFixed(2).padStart(8)}`,
      ),
      ...measures.map(describeMeasure),
    ]),
    '',
    '  what the seal costs on the server, for each table that a statement names',
    ...sealCost.map(describeMeasure),
    '',
  ].join('\n')
}

function describeMeasure(measure: Measure): string {
  const { what, value, unit, atMost, atLeast } = measure
  const verdict = isMissed(measure) ? 'MISSED' : 'met'
  const goal = atMost === undefined ? atLeast && `at least ${atLeast}` : `at most ${atMost}`
  const figure = `${value.toFixed(unit === '×' ? 2 : 1)} ${unit}`
  return `    ${what.padEnd(45)} ${figure.padStart(9)}${goal === undefined ? '' : `   goal ${goal}: ${verdict}`}`
}
