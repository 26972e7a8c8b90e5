import { setTimeout as sleep } from 'node:timers/promises'
import type { Complaint } from './subject.ts'
import { tagOf } from './turn.ts'
import type { World } from './world.ts'

/** Past all that keeps tenants apart: every row stands with its own tenant, and what must be there is there, as it must be. */
export async function audit(world: World, complain: Complaint): Promise<void> {
  const { subject, tenants, rows: models, tally } = world
  await untilQuiet(world)
  const { notes, marks } = await subject.stored()
  tally.rows += notes.length + marks.length
  const ids = new Set(tenants.map(({ id }) => id))
  for (const { holder, tag } of [...notes, ...marks]) {
    if (!ids.has(holder) || tag !== tagOf({ id: holder })) complain('audit', `${holder} holds a row ${tag}`, 'leak')
  }
  const found = new Map<string, Map<number, number>>(tenants.map(({ id }) => [id, new Map()]))
  for (const { holder, id, version } of notes) found.get(holder)?.set(id, version)
  for (const tenant of tenants) {
    const model = models.get(tenant)
    const there = found.get(tenant.id)
    if (model === undefined || there === undefined) throw new Error(`Nothing is known of ${tenant.id}.`)
    for (const [id, version] of model.known()) {
      if (there.get(id) !== version)
        complain('audit', `${tenant.id} ${id}@${version} was committed, and is ${there.get(id) ?? 'gone'}`)
    }
    for (const id of there.keys()) {
      if (!model.known().has(id) && !model.isUnknown(id))
        complain('audit', `${tenant.id} ${id} is there, and was never committed`)
    }
  }
  await subject.audit?.(complain)
}

/** Statements that their client has given up may still be running. */
async function untilQuiet({ subject }: World): Promise<void> {
  for (const deadline = performance.now() + 10_000; performance.now() < deadline; await sleep(50)) {
    if (!(await subject.isBusy())) return
  }
  throw new Error('The database does not come to rest.')
}
