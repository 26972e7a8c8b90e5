import type pg from 'pg'
import { interleave } from '../interleave.ts'
import type { Measure } from '../measure.ts'
import { median, medianOfRounds } from '../median.ts'
import { type BenchDatabase, tenantIn } from './bench-database.ts'

/** What is compared: reads by primary key with statements that are prepared once for each tenant. */
export const titles = {
  qualified: 'prepared query on "schema"."table"',
  scoped: 'scoped pool',
  transaction: 'hand-written BEGIN; set path and role; query; COMMIT',
} as const

export type StatementName = keyof typeof titles

/** Plain JSON. */
export interface StatementsResult {
  readonly concurrency: number
  readonly tenants: number
  readonly subjects: readonly { readonly name: StatementName; readonly microseconds: number }[]
  readonly measures: readonly Measure[]
}

const setBoth = `select set_config('search_path', $1, true), set_config('role', $2, true)`
const rows = 2_000

/** Times single statements of some tenants in turns, side by side. */
export async function compareStatements(
  { pool, unscoped, provisioner, isolation, names }: BenchDatabase,
  { rounds, operations, tenants }: { readonly rounds: number; readonly operations: number; readonly tenants: number },
): Promise<StatementsResult> {
  const all = Array.from({ length: tenants }, (_, index) => {
    const schema = `t_statement_${tenants}_${index}`
    const tenant = tenantIn(schema)
    return { schema, tenant, role: names(tenant).role, scoped: isolation.handle(() => tenant) }
  })
  for (const { schema, tenant } of all) {
    await isolation.provision(tenant)
    await provisioner.query(
      `insert into ${schema}.table_1 (name) select '${schema} ' || n from generate_series(1, $1::int) n`,
      [rows],
    )
    await provisioner.query(`analyze ${schema}.table_1`)
  }
  const placeOf = (argument: number) => all[argument % tenants] as (typeof all)[number]
  const subjects: Record<StatementName, (id: number) => Promise<string>> = {
    async qualified(id) {
      const { schema } = placeOf(id)
      const text = `select name from ${schema}.table_1 where id = $1`
      return nameOf(await provisioner.query({ name: `read_${schema}`, text, values: [id] }))
    },
    scoped: async id => nameOf(await placeOf(id).scoped.query(read(id))),
    async transaction(id) {
      const { schema, role } = placeOf(id)
      const client = await unscoped.connect()
      try {
        await client.query('begin')
        await client.query({ name: 'set', text: setBoth, values: [schema, role] })
        const result = await client.query({ ...read(id), name: `set_${schema}` })
        await client.query('commit')
        return nameOf(result)
      } finally {
        client.release()
      }
    },
  }
  for (const [name, subject] of Object.entries(subjects)) {
    const found = await subject(7)
    if (found !== `${placeOf(7).schema} 7`) throw new Error(`${name} read "${found}".`)
  }
  const concurrency = pool.options.max
  const times = await interleave(subjects, {
    ...{ title: 'statements', rounds, operations, concurrency },
    argument: index => 1 + ((index * 7919) % rows),
  })
  return {
    concurrency,
    tenants,
    subjects: (Object.keys(titles) as StatementName[]).map(name => ({ name, microseconds: median(times[name]) })),
    measures: [
      {
        ...{ what: 'scoped / qualified', unit: '×' },
        // A server process that serves another tenant each time has less in its caches, which is told and is no goal.
        ...(tenants === 1 && { atMost: 1.25 }),
        value: medianOfRounds(times, round => round.scoped / round.qualified),
      },
      {
        ...{ what: 'transaction / scoped', unit: '×' },
        value: medianOfRounds(times, round => round.transaction / round.scoped),
      },
    ],
  }
}

function read(id: number): pg.QueryConfig {
  return { name: 'read', text: 'select name from table_1 where id = $1', values: [id] }
}

function nameOf({ rows: [row] }: pg.QueryResult<{ name: string }>): string {
  return row?.name ?? 'no row'
}
