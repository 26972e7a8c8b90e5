import { type FreshDatabase, startPgBouncer, startPostgres } from '@tenantry/servers'
import { brew } from './brew.ts'
import { titleOf } from './isolation-kind.ts'
import { mutants } from './mutants.ts'
import { type Options, readOptions, usage } from './options.ts'
import { createProgress } from './progress.ts'
import { describeReport, isClean, type StormReport } from './report.ts'

function optionsOrExit(): Options {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`)
    process.exit(2)
  }
}

const { operations, seed, kinds, routes, postgres, mutant: wanted, json } = optionsOrExit()
const chosen = new Set(kinds.map(titleOf))
const broken = mutants.filter(({ name, kind }) => wanted === name || (wanted === 'all' && chosen.has(titleOf(kind))))
if (wanted !== undefined && broken.length === 0) {
  console.error(`There is no mutant "${wanted}". Mutants: ${mutants.map(({ name }) => name).join(', ')}.`)
  process.exit(2)
}

const env = postgres === '15' ? { ...process.env, TENANTRY_PG: '15', TENANTRY_PG_URL: '' } : process.env
const server = await startPostgres({ env })
const pooler =
  wanted === undefined &&
  routes.includes('pgbouncer') &&
  kinds.some(kind => kind.routes?.includes('pgbouncer') !== false)
    ? await startPgBouncer({ server: server.descriptor })
    : undefined

/** The database of a route: its `runtimeUrl` is where the application connects to. */
async function pooledDatabase(): Promise<FreshDatabase> {
  const database = await server.freshDatabase()
  return pooler === undefined ? database : { ...database, runtimeUrl: pooler.pooledUrl(database) }
}

async function storms(): Promise<boolean> {
  const reports: StormReport[] = []
  for (const route of routes) {
    for (const kind of kinds) {
      if (kind.routes?.includes(route) === false) continue
      const progress = createProgress(`${route}, ${titleOf(kind)}, seed ${seed}`, operations)
      const namedStatements = route === 'direct' || pooler?.descriptor.namedStatements === true
      const freshDatabase = route === 'direct' ? server.freshDatabase : pooledDatabase
      const report = await brew({
        ...{ freshDatabase, kind, route, namedStatements, operations, seed },
        ...(route === 'pgbouncer' && { pooler }),
        onProgress: progress.at,
      })
      progress.end()
      reports.push(report)
      if (!json) console.log(describeReport(report))
    }
  }
  const total = (of: (report: StormReport) => number) => reports.reduce((sum, report) => sum + of(report), 0)
  const summary = {
    postgres: server.descriptor.version,
    pgbouncer: pooler?.descriptor.version,
    operations: total(report => report.operations),
    leaks: total(report => report.leaks),
    problems: total(report => report.wrongAnswers + report.unexpectedErrors),
    seconds: Number(total(report => report.seconds).toFixed(1)),
  }
  if (json) console.log(JSON.stringify({ ...summary, reports }, null, 2))
  else
    console.log(
      `\nPostgreSQL ${summary.postgres}: ${summary.leaks} leaks and ${summary.problems} other problems in ` +
        `${summary.operations} operations, ${summary.seconds} s`,
    )
  return reports.every(isClean)
}

/** Each of them must be caught. */
async function canaries(): Promise<boolean> {
  const results = []
  for (const mutant of broken) {
    const { kind } = mutant
    const report = await brew({
      ...{
        freshDatabase: server.freshDatabase,
        kind,
        route: 'direct',
        namedStatements: true,
        operations,
        seed,
        mutant,
        // Fewer than in a storm, where each costs time to make.
        tenants: 60,
      },
      stopAtFirst: true,
    })
    const [first] = report.problems.filter(({ kind }) => kind !== 'unexpected')
    results.push({ mutant: mutant.name, caughtAt: first?.operation, ...first })
    if (!json)
      console.log(
        first === undefined
          ? `SURVIVED ${mutant.name} (${mutant.what}) ${report.operations} operations, seed ${seed}`
          : `caught   ${mutant.name} (${mutant.what}) at operation ${first.operation} by "${first.name}": ${first.problem.replaceAll(/\s+/g, ' ')}`,
      )
  }
  if (json) console.log(JSON.stringify({ seed, results }, null, 2))
  return results.every(({ caughtAt }) => caughtAt !== undefined)
}

// Until it is known to be well: a process that has nothing left to wait for ends without a word.
process.exitCode = 1
try {
  process.exitCode = (await (wanted === undefined ? storms() : canaries())) ? 0 : 1
} finally {
  await pooler?.stop()
  await server.stop()
}
