import type { Erasure } from '@tenantry/core'
import { expectThat, type Operation, type Turn, tagOf } from '../../turn.ts'
import { persist } from '../persist.ts'
import { type Loss, leftBy, lose, type Nomad, settle, type Territory, unsettle } from './nomads.ts'
import { isStaleMembership, refreshMembership } from './stale-membership.ts'

/** Both, to their end. */
async function twice(work: () => Promise<void>): Promise<void> {
  for (const outcome of await Promise.allSettled([work(), work()]))
    if (outcome.status === 'rejected') throw outcome.reason
}

const insertion = `insert into notes (id, tag, version) select * from unnest($1::int[], $2::text[], $3::bigint[])
  on conflict (id) do update set version = excluded.version`

/** Makes what is missing of a store, now and then at two places at once, and puts rows into it. */
async function moveIn(turn: Turn, nomad: Nomad, territory: Territory): Promise<void> {
  const { world, random } = turn
  const { isolation } = territory
  const provision = () => isolation.provision(nomad.tenant)
  await persist(() => (random.chance(0.5) ? provision() : twice(provision)))
  const rows = new Map(nomad.rows)
  for (let id = 1; id <= 4; id++) rows.set(id, turn.rows.newVersion())
  const values = [[...rows.keys()], [...rows.keys()].map(() => tagOf(nomad.tenant)), [...rows.values()]]
  const insert = () =>
    persist(() =>
      world.outside(() => world.tenancy.run(nomad.tenant, async () => void (await world.db.query(insertion, values)))),
    )
  try {
    await insert()
  } catch (error) {
    if (!isStaleMembership(error)) throw error
    await refreshMembership(turn, nomad, territory)
    await insert()
  }
  settle(nomad, { schema: true, role: true, rows })
}

function checkErasure({ tenant, schema, role, rows }: Nomad, { erased }: Erasure): void {
  const said = Object.fromEntries(erased.map(({ kind, name, count }) => [name.split('.').at(-1) ?? kind, count]))
  const sum = erased.reduce((total, { count }) => total + count, 0)
  // Rows of `notes`, none of `marks`, a schema and a role.
  const wanted = rows.size + Number(schema) + Number(role)
  expectThat(sum === wanted, `erasing ${tenant.id} told of ${JSON.stringify(said)} instead of ${wanted} things`)
}

async function moveOut(turn: Turn, nomad: Nomad, territory: Territory): Promise<void> {
  const losses: readonly Loss[] =
    nomad.schema && nomad.role ? ['deprovisioned', 'without a schema', 'without a role'] : ['deprovisioned']
  const loss = turn.random.pick(losses)
  const { interrupted, result } = await persist(() => lose(nomad, loss, territory))
  // Of what an interrupted one has erased, the next cannot tell.
  if (result !== undefined && !interrupted) checkErasure(nomad, result)
  settle(nomad, leftBy[loss])
}

/** A tenant that is deprovisioned, meets with an accident, or is provisioned again. */
export const moveOperation = (territory: Territory): Operation => ({
  name: 'a store that comes or goes',
  share: 1,
  async run(turn) {
    const settled = territory.nomads.filter(({ state }) => state !== 'changing')
    if (settled.length === 0) return
    const nomad = turn.random.pick(settled)
    const isWhole = nomad.state === 'there'
    const isGone = !nomad.schema && !nomad.role
    unsettle(nomad)
    const out = isWhole || (!isGone && turn.random.chance(0.3))
    await (out ? moveOut(turn, nomad, territory) : moveIn(turn, nomad, territory))
  },
})
