import type { LawResult, Report } from './report.ts'

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

/** A report as text for people. */
export function formatReport(report: Report): string {
  const claims = Object.entries(report.claims).flatMap(([claim, made]) => (made ? [claim] : []))
  return [
    `Conformance of ${report.adapter}: claims ${claims.join(', ') || 'nothing'}; seed ${report.seed}`,
    ...report.laws.map(line),
    `${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped`,
  ].join('\n')
}
