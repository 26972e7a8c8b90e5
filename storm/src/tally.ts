import { Caught, type CaughtKind } from './caught.ts'
import { ambientCodes, errorCode } from './error-code.ts'

/** One thing that must not be. */
export interface Problem {
  readonly kind: CaughtKind | 'unexpected'
  /** The number of the operation, or -1 for what was found after the last one. */
  readonly operation: number
  readonly name: string
  readonly problem: string
}

/** What a storm counts. */
export interface Tally {
  operations: number
  /** Operations that came to their end, be it a refusal that had to come; the others met a fault. */
  answered: number
  /** Rows whose tag was looked at. */
  rows: number
  readonly problems: Problem[]
  /** Errors that had to be expected, by code. */
  readonly errors: Map<string, number>
  /** Crossings that the isolation is known not to stop, by operation. */
  readonly open: Map<string, number>
  problem(problem: Problem): void
  /** Something outside of every operation went wrong. */
  failed(name: string, error: unknown): void
  /** An operation is over. */
  ended(operation: number, name: string, expects: readonly string[], error?: unknown): void
}

export function createTally(): Tally {
  const tally: Tally = {
    operations: 0,
    answered: 0,
    rows: 0,
    problems: [],
    errors: new Map(),
    open: new Map(),
    problem: problem => void tally.problems.push(problem),
    failed: (name, error) =>
      tally.problem({ kind: 'unexpected', operation: tally.operations, name, problem: textOf(error) }),
    ended(operation, name, expects, error) {
      tally.operations += 1
      if (error === undefined) {
        tally.answered += 1
        return
      }
      const code = errorCode(error)
      if (error instanceof Caught) tally.problem({ kind: error.kind, operation, name, problem: error.message })
      else if (ambientCodes.includes(code) || expects.includes(code)) count(tally.errors, code)
      else {
        tally.problem({ kind: 'unexpected', operation, name, problem: `${code}: ${textOf(error)}` })
      }
    },
  }
  return tally
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** Adds one. */
export function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
