import { Caught } from '../../caught.ts'
import { ambientCodes, errorCode } from '../../error-code.ts'
import { count } from '../../tally.ts'
import { transaction } from '../../transaction.ts'
import { expectThat, type Operation, queryOf, type TaggedRow, type Turn, tagOf } from '../../turn.ts'
import type { Nomad, Territory } from './nomads.ts'
import { isStaleMembership, refreshMembership } from './stale-membership.ts'

const missing = 'TENANT_STORE_MISSING'

/** What a statement may meet whose store comes or goes under it. */
const honest = [missing, '42P01', '42501', '40P01']

/** Runs as the nomad. `all`: gives every note of it; otherwise what comes is of its own, if anything. */
interface Visit {
  readonly all: boolean
  run(turn: Turn, nomad: Nomad, territory: Territory): Promise<readonly TaggedRow[]>
}

const texts = [
  'select tag from marks union all select tag from notes where id = 1',
  'update notes set version = version where id < 0 returning tag',
  'insert into notes (id, tag, version) select id, tag, version from notes where false returning tag',
  `select tag from dynamic('select tag from notes') tag`,
]

const visits: readonly Visit[] = [
  { all: true, run: async turn => (await queryOf(turn, turn.db)('select tag from notes')).rows },
  { all: false, run: async turn => (await queryOf(turn, turn.db)(turn.random.pick(texts))).rows },
  // No table at all.
  { all: false, run: async ({ db }, { tenant }) => (await db.query('select $1 as tag', [tagOf(tenant)])).rows },
  {
    all: true,
    async run(turn) {
      const found: TaggedRow[] = []
      await transaction(turn, async client => {
        if (turn.random.chance(0.5)) await client.query('declare mine cursor for select tag from notes')
        else await client.query('savepoint before')
        found.push(...(await client.query('select tag from notes')).rows)
      })
      return found
    },
  },
  {
    all: false,
    async run(_, { tenant }, { isolation }) {
      const health = await isolation.health(tenant)
      if (!health.ok) throw Object.assign(new Error('not healthy'), { code: health.reason })
      return []
    },
  },
]

async function visit(turn: Turn, nomad: Nomad, territory: Territory, again = false): Promise<void> {
  const { world, random } = turn
  const { epoch, state, tenant } = nomad
  const { all, run } = random.pick(visits)
  const isSteady = () => state !== 'changing' && nomad.epoch === epoch
  let rows: readonly TaggedRow[]
  try {
    rows = await world.outside(() => world.tenancy.run(tenant, () => run(turn, nomad, territory)))
  } catch (error) {
    const code = errorCode(error)
    const isExpected = isSteady() ? state === 'missing' && code === missing : honest.includes(code)
    if (isExpected) return count(world.tally.errors, code)
    if (!again && state === 'there' && isStaleMembership(error)) {
      await refreshMembership(turn, nomad, territory)
      return visit(turn, nomad, territory, true)
    }
    if (!isSteady() || state === 'there' || ambientCodes.includes(code)) throw error
    throw new Caught('wrong', `${tenant.id}, which has no store, got ${code} and not ${missing}`)
  }
  world.tally.rows += rows.length
  const foreign = rows.find(({ tag }) => tag !== tagOf(tenant))
  if (foreign !== undefined) throw new Caught('leak', `${tenant.id}, whose store is ${state}, got a row ${foreign.tag}`)
  if (!isSteady()) return
  expectThat(state === 'there', `${tenant.id}, which has no store, was served`)
  expectThat(!all || rows.length === nomad.rows.size, `${tenant.id} got ${rows.length} of ${nomad.rows.size} rows`)
}

/** Statements of tenants whose store may not be there: they are refused before they run, and never find another's tables. */
export const visitOperation = (territory: Territory): Operation => ({
  name: 'a tenant that may have no store',
  share: 1,
  async run(turn) {
    for (let times = 0; times < 3; times++) await visit(turn, turn.random.pick(territory.nomads), territory)
  },
})
