import type { Tenant } from '@tenantry/core'
import { Caught } from '../../caught.ts'
import { ambientCodes, errorCode } from '../../error-code.ts'
import { count } from '../../tally.ts'
import { transaction } from '../../transaction.ts'
import { expectThat, type Operation, queryOf, type TaggedRow, type Turn, tagOf } from '../../turn.ts'
import type { Nomad, Territory } from './nomads.ts'

/** What a tenant gets in each of its states, once nothing changes. */
const answers: Readonly<Record<Exclude<Nomad['state'], 'changing'>, readonly string[]>> = {
  there: [],
  suspended: ['TENANT_SUSPENDED'],
  // Without the role that owns it there is no login for it; without the database, no place to connect to. It may have been suspended.
  gone: ['TENANT_STORE_MISSING', 'CREDENTIALS_REFUSED', 'TENANT_SUSPENDED'],
}

/** What one may meet whose place comes or goes under it. */
const honest = [
  ...[
    'TENANT_STORE_MISSING',
    'CREDENTIALS_REFUSED',
    'CREDENTIALS_UNAVAILABLE',
    'TENANT_SUSPENDED',
    'PLACEMENT_INVALID',
  ],
  // Between the making of a database and its filling.
  ...['IDENTITY_MISMATCH', '42P01', '42501', '40P01'],
]

const texts = [
  'select tag from notes',
  'select tag from marks union all select tag from notes',
  `select tag from dynamic('select tag from notes') tag`,
]

/** Every note of the nomad. */
async function look(turn: Turn, nomad: Nomad, { isolation }: Territory): Promise<readonly TaggedRow[]> {
  if (turn.random.chance(0.6)) return (await queryOf(turn, turn.db)(turn.random.pick(texts))).rows
  if (turn.random.chance(0.2)) {
    const health = await isolation.health(nomad.tenant)
    if (!health.ok) throw Object.assign(new Error('not healthy'), { code: health.reason })
  }
  const found: TaggedRow[] = []
  await transaction(turn, async client => {
    if (turn.random.chance(0.3)) await client.query('select pg_sleep(0.05)')
    found.push(...(await client.query('select tag from notes')).rows)
  })
  return found
}

async function visit(turn: Turn, nomad: Nomad, territory: Territory): Promise<void> {
  const { world } = turn
  const { epoch, state, tenant, rows: wanted } = nomad
  const isSteady = () => state !== 'changing' && nomad.epoch === epoch
  let rows: readonly TaggedRow[]
  try {
    rows = await world.outside(() => world.tenancy.run(tenant, () => look(turn, nomad, territory)))
  } catch (error) {
    const code = errorCode(error)
    const expected = isSteady() && state !== 'changing' ? answers[state] : honest
    if (expected.includes(code) || ambientCodes.includes(code)) return count(world.tally.errors, code)
    if (!isSteady() || error instanceof Caught) throw error
    throw new Caught('wrong', `${tenant.id}, which is ${state}, got ${code}: ${error}`)
  }
  world.tally.rows += rows.length
  const foreign = rows.find(({ tag }) => tag !== tagOf(tenant))
  if (foreign !== undefined) throw new Caught('leak', `${tenant.id}, which is ${state}, got a row ${foreign.tag}`)
  if (!isSteady()) return
  expectThat(state === 'there', `${tenant.id}, which is ${state}, was served`)
  expectThat(rows.length === wanted.size, `${tenant.id} got ${rows.length} of ${wanted.size} rows`)
}

/** Somebody who knows the tenant as it was before it was suspended: refused for ever. */
async function visitAsBefore({ world }: Turn, stale: Tenant, { isolation }: Territory): Promise<void> {
  try {
    await isolation.handle(() => stale).query('select tag from notes')
  } catch (error) {
    const code = errorCode(error)
    if (code === 'TENANT_SUSPENDED' || ambientCodes.includes(code)) return count(world.tally.errors, code)
    throw new Caught('wrong', `${stale.id} of version ${stale.version} got ${code} and not TENANT_SUSPENDED`)
  }
  throw new Caught('wrong', `${stale.id} of version ${stale.version} was suspended, and is served`)
}

/** Requests of tenants that may not be there, may not be served, or are on their way. */
export const visitOperation = (territory: Territory): Operation => ({
  name: 'a tenant that may be gone',
  share: 2,
  async run(turn) {
    for (let times = 0; times < 3; times++) {
      const nomad = turn.random.pick(territory.nomads)
      if (nomad.stale !== undefined && turn.random.chance(0.3)) await visitAsBefore(turn, nomad.stale, territory)
      else await visit(turn, nomad, territory)
    }
  },
})
