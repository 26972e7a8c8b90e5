import { type InterleaveOptions, interleave } from '../interleave.ts'
import { keepApart } from '../keep-apart.ts'
import type { Goal, Measure } from '../measure.ts'
import { median, medianOfRounds } from '../median.ts'
import { type BenchDatabase, rows, type SealChoice } from './bench-database.ts'
import { type SubjectName, subjectsOf } from './subjects.ts'

/** A ratio of two subjects' times. */
interface Ratio extends Goal {
  readonly of: SubjectName
  readonly to: SubjectName
}

const goals: readonly { readonly concurrency: number; readonly ratios: readonly Ratio[] }[] = [
  {
    concurrency: 1,
    ratios: [
      { of: 'scoped', to: 'raw', atMost: 1.15 },
      { of: 'stamp', to: 'raw', atMost: 1.45 },
      { of: 'transaction', to: 'scoped', atLeast: 2.3 },
      { of: 'transaction', to: 'stamp', atLeast: 1.6 },
    ],
  },
  {
    concurrency: 16,
    ratios: [
      { of: 'scoped', to: 'raw', atMost: 1.3 },
      { of: 'transaction', to: 'scoped', atLeast: 2.3 },
      { of: 'transaction', to: 'stamp', atLeast: 1.6 },
    ],
  },
]

// Of interest, and no goal.
const others: readonly Ratio[] = [{ of: 'challengeTransaction', to: 'transaction' }]

/** What comes of one concurrency; plain JSON. */
export interface StatementResult {
  readonly concurrency: number
  /** Whether client and server had cores of their own; else the scheduler has put them where it liked. */
  readonly apart: boolean
  readonly subjects: readonly { readonly name: SubjectName; readonly microseconds: number; readonly toRaw: number }[]
  readonly measures: readonly Measure[]
}

interface CompareOptions extends Pick<InterleaveOptions, 'rounds' | 'operations'> {
  /** Whether the server's processes run on this machine, where they can be seen. */
  readonly local: boolean
}

/** Times single statements and transactions, sealed and not, side by side. */
export async function compareStatements(
  databases: Readonly<Record<SealChoice, BenchDatabase>>,
  { local, ...options }: CompareOptions,
): Promise<StatementResult[]> {
  const subjects = subjectsOf(databases)
  const wanted = 'note 7'
  for (const [name, read] of Object.entries(subjects)) {
    const text = await read(7)
    if (text !== wanted) throw new Error(`${name} read "${text}" instead of "${wanted}".`)
  }
  const results: StatementResult[] = []
  for (const { concurrency, ratios } of goals) {
    // Alone, a statement's way to the server and back counts; of many, how much the machine gets done.
    const back = local && concurrency === 1 ? keepApart(await backends(Object.values(databases))) : undefined
    const times = await interleave(subjects, {
      ...options,
      title: `concurrency ${concurrency}`,
      concurrency,
      argument: index => 1 + ((index * 7919) % rows),
    })
    back?.()
    const ratio = (of: SubjectName, to: SubjectName) => medianOfRounds(times, round => round[of] / round[to])
    results.push({
      concurrency,
      apart: back !== undefined,
      subjects: (Object.keys(subjects) as SubjectName[]).map(name => ({
        name,
        microseconds: median(times[name]),
        toRaw: ratio(name, 'raw'),
      })),
      measures: [...ratios, ...others].map(({ of, to, ...goal }) => ({
        what: `${of} / ${to}`,
        value: ratio(of, to),
        unit: '×',
        ...goal,
      })),
    })
  }
  return results
}

/** The processes that serve one statement at a time. */
function backends(databases: readonly BenchDatabase[]): Promise<number[]> {
  return Promise.all(
    databases.map(async ({ pool }) => {
      const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid')
      return rows[0]?.pid ?? Number.NaN
    }),
  )
}
