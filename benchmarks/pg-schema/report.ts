import { describeMachine, type Machine } from '../machine.ts'
import { describeMeasure } from '../measure.ts'
import type { ManyTenantsResult } from './many-tenants.ts'
import { type ProvisioningResult, titles as provisioningTitles } from './provisioning.ts'
import { type StatementsResult, titles as statementTitles } from './statements.ts'

/** What was measured where; plain JSON. */
export interface Report {
  readonly machine: Machine
  readonly rounds: number
  readonly provisioning: ProvisioningResult
  readonly statements: readonly StatementsResult[]
  readonly manyTenants: ManyTenantsResult
}

/** A report as lines of text. */
export function describeReport({ machine, rounds, provisioning, statements, manyTenants }: Report): string {
  const line = (title: string, figure: string) => `    ${title.padEnd(55)} ${figure.padStart(9)}`
  const heading = (text: string, unit: string) => `  ${text.padEnd(64)}${unit}`
  const tenths = (title: string, figures: readonly number[]) =>
    `    ${title.padEnd(20)} ${figures.map(figure => figure.toFixed(1)).join('  ')}`
  return [
    '',
    `A schema for every tenant, ${describeMachine(machine)}`,
    `${rounds} interleaved rounds; medians of the ratios of each round`,
    '',
    heading(`a schema of ${provisioning.tables} tables`, 'ms'),
    ...provisioning.subjects.map(({ name, milliseconds }) => line(provisioningTitles[name], milliseconds.toFixed(1))),
    ...provisioning.measures.map(describeMeasure),
    '',
    ...statements.flatMap(({ tenants, concurrency, subjects, measures }) => [
      heading(`point read, tenants in turns: ${tenants}, concurrency ${concurrency}`, 'µs'),
      ...subjects.map(({ name, microseconds }) => line(statementTitles[name], microseconds.toFixed(1))),
      ...measures.map(describeMeasure),
      '',
    ]),
    `  ${manyTenants.tenants} tenants one after another, by tenths`,
    tenths('ms a tenant', manyTenants.milliseconds),
    tenths('MB of heap', manyTenants.heap),
    ...manyTenants.measures.map(describeMeasure),
    '',
  ].join('\n')
}
