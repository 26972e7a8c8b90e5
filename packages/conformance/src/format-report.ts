import { junitReport } from './junit-report.ts'
import type { LawResult, Report } from './report.ts'

/** For people, for programs, and for the test pages of a CI server. */
export type ReportFormat = 'text' | 'json' | 'junit'

/** A report as text, JSON or JUnit's XML. */
export function formatReport(report: Report, format: ReportFormat = 'text'): string {
  switch (format) {
    case 'text':
      return textReport(report)
    case 'json':
      return JSON.stringify(report, (_, value: unknown) => (value instanceof Error ? plain(value) : value), 2)
    case 'junit':
      return junitReport(report)
  }
}

// JSON of an Error is `{}`.
function plain({ name, message, stack }: Error): object {
  return { name, message, stack }
}

function line(result: LawResult): string {
  switch (result.status) {
    case 'passed':
      return `  ✓ ${result.law} (${Math.round(result.duration)} ms)`
    case 'failed':
      return `  ✗ ${result.law} (${Math.round(result.duration)} ms)\n${result.error.message.replaceAll(/^/gm, '      ')}`
    case 'skipped':
      return `  – ${result.law} (skipped: ${result.reason})`
  }
}

function textReport({ adapter, server, claims, seed, laws, passed, failed, skipped }: Report): string {
  const made = Object.entries(claims).flatMap(([claim, held]) => (held ? [claim] : []))
  const on = server === undefined ? '' : ` on ${server}`
  const tried = laws.filter(({ canary }) => canary !== undefined).length
  return [
    `Conformance of ${adapter}${on}: claims ${made.join(', ') || 'nothing'}; seed ${seed}`,
    ...laws.map(line),
    `${passed} passed, ${failed} failed, ${skipped} skipped; ${tried} of ${laws.length} laws have a canary`,
  ].join('\n')
}
