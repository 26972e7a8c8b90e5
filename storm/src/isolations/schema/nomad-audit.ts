import type { Complaint } from '../../subject.ts'
import { tagOf } from '../../turn.ts'
import type { Nomad, Territory } from './nomads.ts'

/** What there must be of nomads is there, with all its rows; and nothing is there that must be gone. */
export async function auditNomads({ nomads, admin, stores }: Territory, complain: Complaint): Promise<void> {
  for (const nomad of nomads) {
    const { schema, role } = stores.of(nomad.tenant)
    const { rows } = await admin.query<Pick<Nomad, 'schema' | 'role'>>(
      `select to_regnamespace($1) is not null as schema, to_regrole($2) is not null as role`,
      [schema, role],
    )
    const [found] = rows
    if (found === undefined) continue
    const { tenant, state } = nomad
    const isKnown = state !== 'changing'
    for (const what of ['schema', 'role'] as const) {
      if (isKnown && found[what] !== nomad[what])
        complain('audit', `${tenant.id} ${found[what] ? 'still has' : 'has lost'} its ${what}`)
    }
    if (!found.schema) continue
    const notes = await admin.query(`select id, tag, version::float8 from ${schema}.notes`)
    for (const { tag } of notes.rows)
      if (tag !== tagOf(tenant)) complain('audit', `${tenant.id} holds a row ${tag}`, 'leak')
    const got = notes.rows.map(({ id, version }) => `${id}@${version}`).sort()
    const wanted = [...nomad.rows].map(([id, version]) => `${id}@${version}`).sort()
    if (isKnown && got.join() !== wanted.join()) complain('audit', `${tenant.id} has ${got} instead of ${wanted}`)
  }
}
