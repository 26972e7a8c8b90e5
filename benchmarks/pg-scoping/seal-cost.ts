import { interleave } from '../interleave.ts'
import type { Measure } from '../measure.ts'
import { medianOfRounds } from '../median.ts'
import type { BenchDatabase, SealChoice } from './bench-database.ts'

const goal = { unit: 'µs', atMost: 20 } as const

// Of one call: a few milliseconds, so that the scheduler seldom comes between.
const reads = 100

/** What a seal adds on the server to each table that a statement names. */
export async function measureSealCost(
  { none, stamp, challenge }: Readonly<Record<SealChoice, BenchDatabase>>,
  rounds: number,
): Promise<Measure[]> {
  const times = await interleave(
    {
      noneOne: call(none, 'read_one_table'),
      stampOne: call(stamp, 'read_one_table'),
      challengeOne: call(challenge, 'read_one_table'),
      noneFour: call(none, 'read_four_tables'),
      stampFour: call(stamp, 'read_four_tables'),
      challengeFour: call(challenge, 'read_four_tables'),
      noneAlone: callAlone(none),
      stampAlone: callAlone(stamp),
    },
    { title: 'seal', rounds, operations: 1, concurrency: 1, argument: () => reads },
  )
  type Name = keyof typeof times
  const cost = (what: string, sealed: Name, plain: Name, tables: number): Measure => ({
    what,
    value: medianOfRounds(times, round => (round[sealed] - round[plain]) / reads / tables),
    ...goal,
  })
  return [
    cost('stamp, one table', 'stampOne', 'noneOne', 1),
    cost('stamp, each of four tables in a join', 'stampFour', 'noneFour', 4),
    // The first call in a transaction sets the verifier up.
    cost('stamp, one table, a transaction each', 'stampAlone', 'noneAlone', 1),
    cost('challenge, one table', 'challengeOne', 'noneOne', 1),
    cost('challenge, each of four tables in a join', 'challengeFour', 'noneFour', 4),
  ]
}

function call({ scoped }: BenchDatabase, loop: string): (reads: number) => Promise<unknown> {
  return reads => scoped.query({ name: loop, text: `select ${loop}($1)`, values: [reads] })
}

/**
 * A transaction for each read forgets what was set for one. So tenant and proof are set for the session, by hand: the server
 * process is the same, because a pool gives the connection again that it got back last, which it does at the end of this turn.
 */
function callAlone({ scoped, pool }: BenchDatabase): (reads: number) => Promise<unknown> {
  const names = ['tenantry.tenant_id', 'tenantry.seal']
  return async reads => {
    const asked = await scoped.query({
      text: 'select current_setting($1, true) as tenant, current_setting($2, true) as proof',
      values: names,
    })
    await new Promise(setImmediate)
    const client = await pool.connect()
    try {
      const { tenant, proof } = asked.rows[0]
      const text = 'select set_config($1, $2, false), set_config($3, $4, false)'
      await client.query({ text, values: [names[0], tenant, names[1], proof] })
      await client.query(`call read_alone(${reads})`)
      await client.query('reset all')
    } finally {
      client.release()
    }
  }
}
