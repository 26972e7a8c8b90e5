import { describeMachine, type Machine } from '../machine.ts'
import { describeMeasure, type Measure } from '../measure.ts'
import type { StatementResult } from './compare-statements.ts'
import { titles } from './subjects.ts'

/** What was measured where; plain JSON. */
export interface Report {
  readonly machine: Machine
  readonly rounds: number
  readonly operations: number
  readonly statements: readonly StatementResult[]
  /** On the server, for each table that a statement names. */
  readonly sealCost: readonly Measure[]
}

/** A report as lines of text. */
export function describeReport({ machine, rounds, operations, statements, sealCost }: Report): string {
  return [
    '',
    `Point read by primary key, ${describeMachine(machine)}`,
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
