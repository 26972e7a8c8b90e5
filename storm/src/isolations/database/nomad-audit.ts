import type { Complaint } from '../../subject.ts'
import { tagOf } from '../../turn.ts'
import { ownerOf, serverNames } from './names.ts'
import type { Nomad, Territory } from './nomads.ts'

/** What there must be of nomads is there, with all its rows, on its server; and nothing is there that must be gone. */
export async function auditNomads(territory: Territory, complain: Complaint): Promise<void> {
  for (const nomad of territory.nomads) {
    if (nomad.state === 'changing') continue
    await auditPlaces(nomad, territory, complain)
    if (nomad.state !== 'gone') await auditRows(nomad, territory, complain)
  }
}

async function auditPlaces({ tenant, state }: Nomad, { estate }: Territory, complain: Complaint): Promise<void> {
  for (const name of serverNames) {
    const { rows } = await estate.servers[name].admin.query('select from pg_database where datname = $1', [
      ownerOf(tenant),
    ])
    const wanted = state !== 'gone' && tenant.placement.server === name
    if (rows.length > 0 !== wanted) {
      complain(
        'audit',
        `${tenant.id}, which is ${state}, ${wanted ? 'has lost its' : 'still has a'} database on server ${name}`,
      )
    }
  }
}

async function auditRows({ tenant, rows }: Nomad, { estate }: Territory, complain: Complaint): Promise<void> {
  const notes = await estate
    .at(tenant)
    .inside(ownerOf(tenant), client => client.query('select id, tag, version::float8 from notes'))
  for (const { tag } of notes.rows)
    if (tag !== tagOf(tenant)) complain('audit', `${tenant.id} holds a row ${tag}`, 'leak')
  const got = notes.rows.map(({ id, version }) => `${id}@${version}`).sort()
  const wanted = [...rows].map(([id, version]) => `${id}@${version}`).sort()
  if (got.join() !== wanted.join()) complain('audit', `${tenant.id} has ${got} instead of ${wanted}`)
}
