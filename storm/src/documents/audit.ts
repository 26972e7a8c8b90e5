import { tenantDigest } from '@tenantry/core'
import type { Tally } from '../tally.ts'
import type { Inhabitant, Stored, World } from './world.ts'

/** Compares every document of every database, read by an administrator, with the model. */
export async function audit(
  world: World,
  tally: Tally,
): Promise<{ readonly compared: number; readonly unknown: number }> {
  const { admin, server, inhabitants } = world
  let compared = 0
  let unknown = 0
  const problem = (kind: 'leak' | 'wrong', text: string) =>
    tally.problem({ kind, operation: -1, name: 'audit', problem: text })

  async function compare({ tenant, database, rows, isNomad }: Inhabitant): Promise<void> {
    const db = admin.db(database)
    const [mark] = await db.collection('tenantry.identity').find().toArray()
    // A nomad may be away.
    const isAway = isNomad && mark === undefined
    if (!isAway && mark?.tenant !== tenantDigest(tenant.id)) problem('wrong', `the mark of ${tenant.id} is not its own`)
    for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray()) {
      if (name.startsWith('tenantry.') || name.startsWith('system.')) continue
      const documents = await db.collection<Stored>(name).find().toArray()
      compared += documents.length
      for (const { _id, owner } of documents)
        if (owner !== tenant.id) problem('leak', `${name} of ${tenant.id} has document ${_id} of ${owner}`)
      if (name !== 'notes' || isNomad) continue
      const there = new Map(documents.map(({ _id, version }) => [_id, version]))
      for (const [id, version] of rows.known())
        if (there.get(id) !== version)
          problem('wrong', `document ${id} of ${tenant.id} is at ${there.get(id)}, not ${version}`)
      for (const id of there.keys())
        if (!rows.known().has(id) && !rows.isUnknown(id))
          problem('wrong', `document ${id} of ${tenant.id} should not be there`)
    }
    unknown += rows.unknownCount()
  }

  for (const inhabitant of inhabitants) await compare(inhabitant)
  const { databases } = await admin.db('admin').admin().listDatabases({ nameOnly: true })
  const known = new Set(inhabitants.map(({ database }) => database))
  for (const { name } of databases)
    if (name.startsWith(server.prefix) && !known.has(name))
      problem('wrong', `there is a database ${name}, which nobody has`)
  return { compared, unknown }
}
