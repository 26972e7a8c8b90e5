import type { Result } from './stage.ts'

/** What stands around the results. */
export interface Conclusion {
  readonly title: string
  /** What has been shown when every answer was as it must be. */
  readonly moral: string
  /** What stands in the JSON besides. */
  readonly facts: Readonly<Record<string, unknown>>
  readonly json: boolean
}

/** Prints the results. The process will end with 1 unless every answer was as it must be. */
export function conclude(results: readonly Result[], { title, moral, facts, json }: Conclusion): void {
  const failed = results.filter(({ asExpected }) => !asExpected).length
  process.exitCode = failed === 0 ? 0 : 1
  if (json) {
    console.log(JSON.stringify({ results, failed, ...facts }, null, 2))
    return
  }
  const rows = [
    ['who', 'what', 'status', 'answer', ''],
    ...results.map(({ who, what, status, answer, asExpected }) => [
      who,
      what,
      String(status ?? ''),
      answer,
      asExpected ? 'ok' : 'WRONG',
    ]),
  ]
  const widths = [0, 1, 2, 3].map(column => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  console.log(`\n${title}\n`)
  for (const row of rows)
    console.log(`  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
  const requests = results.filter(({ status }) => status !== undefined).length
  const looks = requests === results.length ? '' : ` and ${results.length - requests} looks behind the scenes`
  console.log(
    failed === 0
      ? `\n${requests} requests${looks}: ${moral}`
      : `\n${failed} of ${results.length} answers were not as they must be.`,
  )
}
