import { canaries } from './canaries.ts'
import { conformance } from './conformance.ts'
import type { MakeDoor } from './doors/door.ts'
import { doorCanaries } from './doors/door-canaries.ts'
import { middlewareCases } from './doors/middleware-cases.ts'
import type { LawClaim } from './law.ts'
import type { ConformanceOptions } from './run-law.ts'
import type { Subject } from './subject.ts'

/** How one law went. `duration` is in milliseconds. */
export type LawResult = {
  readonly law: string
  /** What the law proves; a law of doors proves nothing that is claimed. */
  readonly claim?: LawClaim
  /** What is wrong with the adapter that this law is known to catch. */
  readonly canary?: string
} & (
  | { readonly status: 'passed'; readonly duration: number }
  | { readonly status: 'failed'; readonly duration: number; readonly error: Error }
  | { readonly status: 'skipped'; readonly reason: string }
)

/** How an isolation or a door stands to the laws. */
export interface Report {
  /** The name of the isolation or of the door. */
  readonly adapter: string
  /** The server behind it, with its version, if the subject says so. */
  readonly server?: string
  /** Of an isolation; a door claims nothing. */
  readonly claims: Readonly<Record<string, boolean>>
  /** Given again as an option, it repeats the interleavings of this run. */
  readonly seed: number
  readonly laws: readonly LawResult[]
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

interface Case {
  readonly law: { readonly name: string; readonly claim?: LawClaim }
  readonly skip?: string
  run(): Promise<void>
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
  const { subject, seed, cases, close } = await conformance(makeSubject, options)
  const { isolation, server } = subject
  const about = {
    adapter: isolation.name,
    ...(server === undefined ? {} : { server }),
    claims: { ...isolation.claims },
  }
  return { ...about, seed, ...counted(await resultsOf(cases, close)) }
}

/** The same for a door. */
export async function runMiddleware(
  makeDoor: MakeDoor,
  options: Pick<ConformanceOptions, 'seed' | 'timeLimit'> = {},
): Promise<Report> {
  const { door, seed, cases, close } = await middlewareCases(makeDoor, options)
  const { name, server } = door
  const about = { adapter: name, ...(server === undefined ? {} : { server }), claims: {} }
  return { ...about, seed, ...counted(await resultsOf(cases, close)) }
}

async function resultsOf(cases: readonly Case[], close: () => Promise<void>): Promise<readonly LawResult[]> {
  const results: LawResult[] = []
  try {
    for (const each of cases) results.push(await resultOf(each))
  } finally {
    await close()
  }
  return results
}

async function resultOf({ law, skip, run }: Case): Promise<LawResult> {
  const canary = [...canaries, ...doorCanaries].find(known => known.law === law.name)?.breaks
  const about = {
    law: law.name,
    ...(law.claim === undefined ? {} : { claim: law.claim }),
    ...(canary === undefined ? {} : { canary }),
  }
  if (skip !== undefined) return { ...about, status: 'skipped', reason: skip }
  const start = performance.now()
  const error = await run().then(
    () => undefined,
    (reason: unknown) => (reason instanceof Error ? reason : new Error(String(reason))),
  )
  const duration = performance.now() - start
  return error === undefined
    ? { ...about, status: 'passed', duration }
    : { ...about, status: 'failed', duration, error }
}

function counted(laws: readonly LawResult[]): Pick<Report, 'laws' | 'passed' | 'failed' | 'skipped'> {
  const number = (status: LawResult['status']): number => laws.filter(result => result.status === status).length
  return { laws, passed: number('passed'), failed: number('failed'), skipped: number('skipped') }
}
