import type pg from 'pg'
import { interleave } from '../interleave.ts'
import type { Measure } from '../measure.ts'
import { median, medianOfRounds } from '../median.ts'
import type { BenchGround } from './bench-ground.ts'

/** What is compared: reads by primary key in one tenant's database. */
export const titles = {
  raw: 'a pg.Pool of that database',
  scoped: 'the pool of the tenant',
} as const

export type StatementName = keyof typeof titles

/** Plain JSON. */
export interface StatementsResult {
  readonly concurrency: number
  readonly subjects: readonly { readonly name: StatementName; readonly microseconds: number }[]
  readonly measures: readonly Measure[]
}

const rows = 2_000

export async function compareStatements(
  ground: BenchGround,
  {
    rounds,
    operations,
    concurrency,
  }: { readonly rounds: number; readonly operations: number; readonly concurrency: number },
): Promise<StatementsResult> {
  const isolation = ground.open({ connections: { max: 20, maxPerTenant: 16, idleTimeout: 600_000 } })
  const tenant = ground.tenant()
  await isolation.provision(tenant)
  const scoped = isolation.handle(() => tenant)
  await scoped.query(`insert into notes select n, 'note ' || n from generate_series(1, $1::int) n`, [rows])
  const pool = await ground.poolOf(tenant, 16)
  const read = (id: number): pg.QueryConfig => ({
    name: 'read',
    text: 'select text from notes where id = $1',
    values: [id],
  })
  const subjects: Record<StatementName, (id: number) => Promise<string>> = {
    raw: async id => (await pool.query(read(id))).rows[0].text,
    scoped: async id => (await scoped.query(read(id))).rows[0].text,
  }
  for (const [name, subject] of Object.entries(subjects)) {
    const found = await subject(7)
    if (found !== 'note 7') throw new Error(`${name} read "${found}".`)
  }
  const times = await interleave(subjects, {
    ...{ title: 'statements', rounds, operations, concurrency },
    argument: index => 1 + ((index * 7919) % rows),
  })
  await pool.end()
  await isolation.close()
  return {
    concurrency,
    subjects: (Object.keys(titles) as StatementName[]).map(name => ({ name, microseconds: median(times[name]) })),
    measures: [
      { what: 'tenant / raw', unit: '×', atMost: 1.1, value: medianOfRounds(times, round => round.scoped / round.raw) },
    ],
  }
}
