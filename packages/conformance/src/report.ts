import type { Claims } from '@tenantry/core'
import { conformance } from './conformance.ts'
import type { LawClaim } from './law.ts'
import type { ConformanceOptions } from './run-law.ts'
import type { Subject } from './subject.ts'

/** How one law went. `duration` is in milliseconds. */
export type LawResult = { readonly law: string; readonly claim: LawClaim } & (
  | { readonly status: 'passed'; readonly duration: number }
  | { readonly status: 'failed'; readonly duration: number; readonly error: Error }
  | { readonly status: 'skipped'; readonly reason: string }
)

/** How an isolation stands to the laws. */
export interface Report {
  /** The name of the isolation. */
  readonly adapter: string
  readonly claims: Claims
  /** Given again as an option, it repeats the interleavings of this run. */
  readonly seed: number
  readonly laws: readonly LawResult[]
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/**
 * Runs the whole suite without any test runner, and closes the subject. A broken law is in the report, it does not reject.
 *
 * @example
 * const report = await runConformance(memorySubject)
 * console.log(formatReport(report))
 * process.exitCode = report.failed
 */
export async function runConformance<Handle>(
  makeSubject: () => Promise<Subject<Handle>>,
  options: ConformanceOptions = {},
): Promise<Report> {
  const { isolation, seed, cases, close } = await conformance(makeSubject, options)
  const results: LawResult[] = []
  try {
    for (const { law, skip, run } of cases) {
      const about = { law: law.name, claim: law.claim }
      if (skip !== undefined) {
        results.push({ ...about, status: 'skipped', reason: skip })
        continue
      }
      const start = performance.now()
      const error = await run().then(
        () => undefined,
        (reason: unknown) => (reason instanceof Error ? reason : new Error(String(reason))),
      )
      const duration = performance.now() - start
      results.push(
        error === undefined
          ? { ...about, status: 'passed', duration }
          : { ...about, status: 'failed', duration, error },
      )
    }
  } finally {
    await close()
  }
  const number = (status: LawResult['status']): number => results.filter(result => result.status === status).length
  return {
    adapter: isolation.name,
    claims: isolation.claims,
    seed,
    laws: results,
    passed: number('passed'),
    failed: number('failed'),
    skipped: number('skipped'),
  }
}
