import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import type { Tenant } from '@tenantry/core'
import { pgRls, protectTable } from '@tenantry/pg-rls'
import { startPostgres } from '@tenantry/servers'
import pg from 'pg'
import { interleave, median } from '../interleave.ts'

// What does a tenant cost? A point read by primary key, three ways, interleaved in one run so that the machine's moods meet all
// of them alike. Ratios are taken round by round, then their median.

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '40' },
    operations: { type: 'string', default: '1500' },
  },
})
const rounds = Number(options.rounds)
const operations = Number(options.operations)
const rows = 20_000

const goals = [
  { concurrency: 1, scopedAtMost: 1.15, fasterThanTransaction: 2.3 },
  { concurrency: 16, scopedAtMost: 1.3, fasterThanTransaction: 2.3 },
]

const server = await startPostgres()
try {
  const database = await server.freshDatabase()
  const owner = new pg.Client({ connectionString: database.ownerUrl })
  await owner.connect()
  // The same rows twice: with row-level security, and without, for the query that remembers its own where clause.
  for (const table of ['notes', 'plain_notes']) {
    await owner.query(
      `create table ${table} (id int not null, tenant_id text not null, text text not null, primary key (tenant_id, id))`,
    )
    await owner.query(
      `insert into ${table} select id, tenant, 'note ' || id from unnest(array['acme', 'globex']) tenant, generate_series(1, $1::int) id`,
      [rows],
    )
  }
  await owner.query(`grant select on plain_notes to ${database.runtimeRole}`)
  for (const statement of protectTable('notes', { index: false, runtimeRole: database.runtimeRole }))
    await owner.query(statement)
  await owner.query('analyze')
  await owner.end()

  const pool = new pg.Pool({ connectionString: database.runtimeUrl, max: 16 })
  const isolation = pgRls({ pool, shared: ['public.plain_notes'] })
  const acme = { id: 'acme' } as Tenant
  const scopedPool = isolation.handle(() => acme)

  const subjects = {
    raw: async (id: number) => {
      const text = 'select * from plain_notes where tenant_id = $1 and id = $2'
      return (await pool.query({ name: 'raw', text, values: ['acme', id] })).rows[0].text
    },
    scoped: async (id: number) =>
      (await scopedPool.query({ name: 'scoped', text: 'select * from notes where id = $1', values: [id] })).rows[0]
        .text,
    transaction: async (id: number) => {
      const client = await pool.connect()
      try {
        await client.query('begin')
        await client.query({ name: 'set', text: `select set_config('tenantry.tenant_id', $1, true)`, values: ['acme'] })
        const result = await client.query({ name: 'read', text: 'select * from notes where id = $1', values: [id] })
        await client.query('commit')
        return result.rows[0].text
      } finally {
        client.release()
      }
    },
  }
  const wanted = 'note 7'
  for (const [name, read] of Object.entries(subjects)) {
    if ((await read(7)) !== wanted) throw new Error(`${name} read something else than ${wanted}.`)
  }

  const results = []
  for (const goal of goals) {
    const times = await interleave(subjects, {
      rounds,
      operations,
      concurrency: goal.concurrency,
      argument: index => 1 + ((index * 7919) % rows),
    })
    const ratio = (a: readonly number[], b: readonly number[]) =>
      median(a.map((time, round) => time / (b[round] ?? Number.NaN)))
    results.push({
      concurrency: goal.concurrency,
      rawMicroseconds: median(times.raw),
      scopedToRaw: ratio(times.scoped, times.raw),
      transactionToRaw: ratio(times.transaction, times.raw),
      transactionToScoped: ratio(times.transaction, times.scoped),
      goal,
    })
  }
  await isolation.close()
  await pool.end()

  const machine = {
    postgres: server.descriptor.version,
    node: process.version,
    cpus: cpus().length,
    model: cpus()[0]?.model,
    rounds,
    operations,
  }
  const missed = results.some(
    ({ goal, scopedToRaw, transactionToScoped }) =>
      scopedToRaw > goal.scopedAtMost || transactionToScoped < goal.fasterThanTransaction,
  )
  // So that a script notices; run it on a machine that has nothing else to do.
  process.exitCode = missed ? 1 : 0
  if (options.json) console.log(JSON.stringify({ machine, results }, null, 2))
  else {
    console.log(
      `\nPoint read by primary key, PostgreSQL ${machine.postgres}, Node ${machine.node}, ${machine.cpus} × ${machine.model}`,
    )
    console.log(`${rounds} interleaved rounds of ${operations}; medians of the ratios of each round\n`)
    for (const result of results) {
      const { goal, concurrency } = result
      const verdict = (good: boolean) => (good ? 'met' : 'MISSED')
      console.log(
        `  concurrency ${concurrency}: raw prepared query with "where tenant_id =" 1.00 (${result.rawMicroseconds.toFixed(1)} µs)`,
      )
      console.log(
        `    scoped pool                               ${result.scopedToRaw.toFixed(2)}   goal at most ${goal.scopedAtMost}: ${verdict(result.scopedToRaw <= goal.scopedAtMost)}`,
      )
      console.log(`    hand-written BEGIN; set_config; …; COMMIT ${result.transactionToRaw.toFixed(2)}`)
      console.log(
        `    scoped is faster than the transaction by  ${result.transactionToScoped.toFixed(2)}   goal at least ${goal.fasterThanTransaction}: ${verdict(result.transactionToScoped >= goal.fasterThanTransaction)}\n`,
      )
    }
  }
} finally {
  await server.stop()
}
