import { titleOf } from './isolation-kind.ts'
import type { Problem, Tally } from './tally.ts'
import type { World } from './world.ts'

/** The outcome of one isolation by one route; plain JSON. */
export interface StormReport {
  readonly isolation: string
  /** What was chosen of it, such as `seal stamp`. */
  readonly variant: string
  readonly route: string
  readonly seed: number
  readonly operations: number
  /** Operations that came to their end, a refusal that had to come included. */
  readonly answered: number
  readonly rowsChecked: number
  readonly leaks: number
  readonly wrongAnswers: number
  readonly unexpectedErrors: number
  /** Crossings that this isolation is known not to stop, by operation; not among the leaks. */
  readonly openByDesign: Readonly<Record<string, number>>
  /** Why it does not stop them. */
  readonly openBecause: string
  /** Rows that a lost connection has left in either state; the audit takes both. */
  readonly unknownRows: number
  /** Errors that had to be expected. */
  readonly errors: Readonly<Record<string, number>>
  /** How the pooler died, each time that it did; it was started again. */
  readonly poolerDeaths: readonly string[]
  readonly seconds: number
  readonly perSecond: number
  /** The first ones. */
  readonly problems: readonly Problem[]
}

const shown = 10

export function reportOf(world: World, seed: number, seconds: number, poolerDeaths: readonly string[]): StormReport {
  const { tally, route } = world
  const { name: isolation, variant, openBecause } = world.kind
  const { operations, answered, rows, problems } = tally
  const counted = (kind: Problem['kind']) => problems.filter(problem => problem.kind === kind).length
  return {
    ...{ isolation, variant, route, seed, operations, answered },
    rowsChecked: rows,
    leaks: counted('leak'),
    wrongAnswers: counted('wrong'),
    unexpectedErrors: counted('unexpected'),
    openByDesign: sorted(tally.open),
    openBecause,
    unknownRows: [...world.rows.values()].reduce((sum, model) => sum + model.unknownCount(), 0),
    errors: sorted(tally.errors),
    poolerDeaths,
    seconds: Number(seconds.toFixed(1)),
    perSecond: Math.round(operations / seconds),
    problems: problems.slice(0, shown),
  }
}

export function isClean({ leaks, wrongAnswers, unexpectedErrors }: StormReport): boolean {
  return leaks + wrongAnswers + unexpectedErrors === 0
}

/** A report as lines of text. */
export function describeReport(report: StormReport): string {
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')
  const open = list(report.openByDesign)
  const title = titleOf({ name: report.isolation, variant: report.variant })
  return [
    `${isClean(report) ? 'ok    ' : 'FAILED'} ${report.route}, ${title}: ${report.leaks} leaks, ` +
      `${report.wrongAnswers} wrong answers, ${report.unexpectedErrors} unexpected errors in ${report.operations} operations ` +
      `(seed ${report.seed})`,
    `       ${report.rowsChecked} rows checked, ${report.answered} operations answered, ${report.unknownRows} rows of unknown ` +
      `outcome; ${report.seconds} s, ${report.perSecond}/s`,
    `       errors that had to be expected: ${list(report.errors) || 'none'}`,
    ...(report.poolerDeaths.length === 0
      ? []
      : [`       the pooler died ${report.poolerDeaths.length} times; the last time ${report.poolerDeaths.at(-1)}`]),
    ...(open === '' ? [] : [`       OPEN BY DESIGN, ${report.openBecause}: ${open}`]),
    ...report.problems.map(
      ({ kind, operation, name, problem }) => `       ${kind} at ${operation} (${name}): ${problem}`,
    ),
  ].join('\n')
}

function sorted(counts: Tally['errors']): Record<string, number> {
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a))
}
