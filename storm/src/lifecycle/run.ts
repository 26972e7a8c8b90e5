import { fork } from 'node:child_process'
import { createLifecycle } from '@tenantry/core'
import { migrateRegistry, postgresRegistry } from '@tenantry/pg/registry'
import { startPostgres } from '@tenantry/servers'
import pg from 'pg'
import { showLine } from '../leases/show-line.ts'
import { judge } from './judge.ts'
import type { Orders, Tally, Word } from './messages.ts'
import { type LifecycleStormOptions, readLifecycleOptions, usage } from './options.ts'

function optionsOrExit(): LifecycleStormOptions {
  try {
    return readLifecycleOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`)
    process.exit(2)
  }
}

const { sequences, processes, seed, postgres, json } = optionsOrExit()
const env = postgres === '15' ? { ...process.env, TENANTRY_PG: '15', TENANTRY_PG_URL: '' } : process.env
const shared = Array.from({ length: 20 }, (_, index) => `shared-${index}`)
// Until it is known to be well: a process that has nothing left to wait for ends without a word.
process.exitCode = 1
const server = await startPostgres({ env })
const line = showLine()
const problems: string[] = []
const pools: pg.Pool[] = []

function open(connectionString: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString, max })
  // When the server stops, whatever is wrong has been said already.
  pool.on('error', () => undefined)
  pools.push(pool)
  return pool
}

/** Runs one process to its end. */
function run(orders: Orders, onProgress: (done: number) => void): Promise<Tally | undefined> {
  const child = fork(new URL('./worker.ts', import.meta.url), { execArgv: process.execArgv })
  return new Promise((resolve, reject) => {
    let tally: Tally | undefined
    child.on('message', (word: Word) => {
      if (word.kind === 'progress') onProgress(word.done)
      else if (word.kind === 'problem')
        problems.push(`process ${orders.process}, sequence ${word.sequence}: ${word.problem}`)
      else tally = word.tally
    })
    child.on('error', reject)
    child.on('exit', code => {
      if (tally === undefined) problems.push(`process ${orders.process} ended with ${code}`)
      resolve(tally)
    })
    child.send(orders)
  })
}

try {
  const database = await server.freshDatabase()
  const owner = open(database.ownerUrl, 2)
  await owner.query('create table things (tenant text primary key, state text not null)')
  await migrateRegistry({ pool: owner, role: database.runtimeRole, allowRestore: true })
  const registry = open(database.runtimeUrl, 1)
  const lifecycle = createLifecycle({ store: postgresRegistry({ pool: registry }) })
  for (const id of shared) await lifecycle.create({ id, slug: id, name: id }, { actor: 'storm' })

  const from = performance.now()
  const done = new Map<number, number>()
  const each = Math.ceil(sequences / processes)
  const orders = { registry: database.runtimeUrl, things: database.ownerUrl, sequences: each, seed, shared }
  const tallies = await Promise.all(
    Array.from({ length: processes }, (_, index) =>
      run({ ...orders, process: index }, count => {
        done.set(index, count)
        const all = [...done.values()].reduce((sum, one) => sum + one, 0)
        if (all % 1_000 === 0) line.show(`${all} of ${each * processes} sequences, ${problems.length} problems`)
      }),
    ),
  )
  line.end()
  const known = tallies.filter(tally => tally !== undefined)
  problems.push(...(await judge(owner, owner, known, shared)))
  const total = (of: (tally: Tally) => number) => known.reduce((sum, tally) => sum + of(tally), 0)
  const report = {
    ...{ postgres: server.descriptor.version, seed, processes, sequences: each * processes },
    operations: total(tally => tally.operations),
    refusals: total(tally => tally.refusals),
    conflicts: total(tally => tally.conflicts),
    problems: problems.length,
    seconds: Number(((performance.now() - from) / 1_000).toFixed(1)),
  }
  if (json) console.log(JSON.stringify({ ...report, first: problems.slice(0, 20) }, null, 2))
  else {
    console.log(
      `PostgreSQL ${report.postgres}, seed ${seed}: ${report.problems} problems in ${report.sequences} sequences of ${report.operations} operations ` +
        `(${report.refusals} refused as the table says, ${report.conflicts} conflicts) by ${processes} processes, ${report.seconds} s`,
    )
    for (const problem of problems.slice(0, 20)) console.log(`  ${problem}`)
  }
  process.exitCode = problems.length === 0 ? 0 : 1
} finally {
  line.end()
  await Promise.all(pools.map(pool => pool.end()))
  await server.stop()
}
