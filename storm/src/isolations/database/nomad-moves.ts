import type { Erasure, Tenant } from '@tenantry/core'
import { expectThat, type Operation, type Turn, tagOf } from '../../turn.ts'
import { persist } from '../persist.ts'
import { loginsOf, serverNames } from './names.ts'
import { type Nomad, settle, type Territory, unsettle } from './nomads.ts'

const insertion = `insert into notes (id, tag, version) select * from unnest($1::int[], $2::text[], $3::bigint[])
  on conflict (id) do update set version = excluded.version`

/** Makes what is missing of a place, now and then at two places at once, and puts rows into it. */
async function moveIn(
  turn: Turn,
  tenant: Tenant,
  nomad: Nomad,
  { isolation }: Territory,
): Promise<ReadonlyMap<number, number>> {
  const { world, random } = turn
  const provision = () => persist(() => isolation.provision(tenant))
  if (random.chance(0.3)) await Promise.all([provision(), provision()])
  else await provision()
  const rows = new Map(nomad.rows)
  for (let id = 1; id <= 4; id++) rows.set(id, turn.rows.newVersion())
  const values = [[...rows.keys()], [...rows.keys()].map(() => tagOf(tenant)), [...rows.values()]]
  await persist(() =>
    world.outside(() => world.tenancy.run(tenant, async () => void (await world.db.query(insertion, values)))),
  )
  return rows
}

function checkErasure({ tenant, rows }: Nomad, { erased }: Erasure): void {
  const kinds = erased
    .map(({ kind }) => kind)
    .sort()
    .join()
  const notes = erased.find(({ name }) => name === 'public.notes')?.count
  expectThat(
    kinds.includes('database,role') && notes === rows.size,
    `erasing ${tenant.id}, which has ${rows.size} notes, told of ${JSON.stringify(erased)}`,
  )
}

async function leave(turn: Turn, nomad: Nomad, { isolation, estate }: Territory): Promise<void> {
  const { tenant } = nomad
  if (turn.random.chance(0.2)) {
    // By accident.
    await estate.at(tenant).admin.query(`drop database if exists ${tenant.placement.database} with (force)`)
  } else {
    const { interrupted, result } = await persist(() => isolation.deprovision(tenant))
    // Of what an interrupted one has erased, the next cannot tell.
    if (!interrupted) checkErasure(nomad, result)
  }
  settle(nomad, { state: 'gone' })
}

/** Nobody can log in any more, and nobody is in, once this is done. */
async function suspend(nomad: Nomad, { isolation, estate }: Territory): Promise<void> {
  const { registry, tenant } = nomad
  const { server } = estate.at(tenant)
  await isolation.evict(registry.update(tenant.id, { status: 'suspended' }))
  const { rows } = await estate.at(tenant).admin.query<{ line: string }>(
    `select rolname::text as line from pg_roles where starts_with(rolname, $1) and rolcanlogin
     union all select 'a session of ' || usename from pg_stat_activity where starts_with(usename, $1)`,
    [loginsOf(tenant)],
  )
  expectThat(rows.length === 0, `${tenant.id} is suspended, and on ${server.port} there is still ${rows[0]?.line}`)
  settle(nomad, { state: 'suspended', stale: tenant })
}

/** To the other server, with rows that are new there; then the old place is given up. */
async function relocate(turn: Turn, nomad: Nomad, territory: Territory): Promise<void> {
  const { registry, tenant: before } = nomad
  const { placement } = before
  const tenant = registry.update(before.id, {
    placement: {
      ...placement,
      server: serverNames.find(name => name !== placement.server) ?? '',
      epoch: `${Number(placement.epoch) + 1}`,
    },
  })
  const rows = await moveIn(turn, tenant, nomad, territory)
  await persist(() => territory.isolation.deprovision(before))
  settle(nomad, { state: 'there', tenant, rows })
}

/** Serves it again, from what is still there of it. */
async function comeBack(turn: Turn, nomad: Nomad, territory: Territory): Promise<void> {
  const tenant = nomad.registry.update(nomad.tenant.id, { status: 'active' })
  const rows = await moveIn(turn, tenant, nomad, territory)
  settle(nomad, { state: 'there', tenant, rows })
}

async function move(turn: Turn, nomad: Nomad, territory: Territory): Promise<void> {
  const { state } = nomad
  unsettle(nomad)
  if (state === 'gone') return comeBack(turn, nomad, territory)
  if (state === 'suspended')
    return turn.random.chance(0.3) ? leave(turn, nomad, territory) : comeBack(turn, nomad, territory)
  const at = turn.random.int(10)
  if (at < 4) return leave(turn, nomad, territory)
  return at < 8 ? suspend(nomad, territory) : relocate(turn, nomad, territory)
}

/** A tenant that is deprovisioned, suspended or moved, meets with an accident, or comes back. */
export const moveOperation = (territory: Territory): Operation => ({
  name: 'a tenant that comes or goes',
  share: 1,
  async run(turn) {
    const settled = territory.nomads.filter(({ state }) => state !== 'changing')
    if (settled.length > 0) await move(turn, turn.random.pick(settled), territory)
  },
})
