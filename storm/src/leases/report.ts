import type { Outage } from './outages.ts'
import type { SecretsLeft } from './secrets-left.ts'

/** The outcome of a storm of leases; plain JSON. */
export interface LeaseReport {
  readonly postgres: string
  readonly minutes: number
  readonly lifetime: number
  readonly sweepEvery: number
  readonly tenants: number
  readonly requests: number
  readonly transactions: number
  readonly issued: number
  readonly renewalsFailed: number
  readonly revoked: number
  /** Requests that had to fail: tenants without a lease while the broker was down, and tenants that were suspended. By code. */
  readonly excused: Readonly<Record<string, number>>
  /** Milliseconds without a broker, each time, and whether it was killed while it was issuing. */
  readonly outages: readonly { readonly milliseconds: number; readonly issuing: boolean }[]
  /** Milliseconds after which a stolen login was of no use, for each suspension. */
  readonly suspensions: readonly number[]
  /** Milliseconds that a login was there after its end, at most, while the broker was up; and how often it was looked. */
  readonly longestAfterEnd: number
  readonly looks: number
  readonly secrets: SecretsLeft
  readonly problems: readonly string[]
}

export const isWell = ({ problems }: LeaseReport): boolean => problems.length === 0

export const plainOutages = (outages: readonly Outage[]): LeaseReport['outages'] =>
  outages.map(({ begun, ended, issuing }) => ({ milliseconds: Math.round(ended - begun), issuing }))

/** A report as lines of text. */
export function describeLeases(report: LeaseReport): string {
  const { outages, suspensions, secrets, problems, excused, lifetime } = report
  const list = (numbers: readonly number[]) => numbers.map(number => `${Math.round(number)}`).join(', ')
  const codes = Object.entries(excused).map(([code, count]) => `${code} ${count}`)
  return [
    `${isWell(report) ? 'ok    ' : 'FAILED'} leases of ${lifetime} ms on PostgreSQL ${report.postgres}: ${problems.length} problems in ` +
      `${report.requests} requests, ${report.transactions} of them transactions, of ${report.tenants} tenants in ${report.minutes} minutes`,
    `       ${report.issued} leases issued, ${report.revoked} revoked, ${report.renewalsFailed} renewals failed and were tried again`,
    `       the broker was killed ${outages.length} times, ${outages.filter(({ issuing }) => issuing).length} of them while it was issuing; ` +
      `away for ${list(outages.map(({ milliseconds }) => milliseconds))} ms`,
    `       requests that had to fail: ${codes.join(', ') || 'none'}`,
    `       ${suspensions.length} suspensions; the stolen login was dead after ${list(suspensions)} ms`,
    `       no login was there for longer than ${report.longestAfterEnd} ms after its end (${report.looks} looks)`,
    `       none of ${secrets.passwords} ended passwords in a heap of ${secrets.snapshotMegabytes} MB, none in options, registry and logs`,
    ...problems.slice(0, 10).map(problem => `       ${problem}`),
    ...(problems.length > 10 ? [`       and ${problems.length - 10} more`] : []),
  ].join('\n')
}
