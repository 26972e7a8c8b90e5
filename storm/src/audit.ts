import { setTimeout as sleep } from 'node:timers/promises'
import { tagOf } from './turn.ts'
import type { World } from './world.ts'

type Report = (name: string, problem: string, kind?: 'leak' | 'wrong') => void

/** As superuser, past all policies: every row stands with its own tenant, and what must be there is there, as it must be. */
export async function audit(world: World, report: Report): Promise<void> {
  await untilQuiet(world)
  const { admin, tenants, rows: models, tally } = world
  const byId = new Map(tenants.map(tenant => [tenant.id, tenant]))
  const { rows: notes } = await admin.query('select tenant_id, id, tag, version::float8 from notes')
  const { rows: marks } = await admin.query('select tenant_id, tag from marks')
  tally.rows += notes.length + marks.length
  for (const { tenant_id, tag } of [...notes, ...marks]) {
    const tenant = byId.get(tenant_id)
    if (tenant === undefined || tag !== tagOf(tenant)) report('audit', `${tenant_id} holds a row ${tag}`, 'leak')
  }
  const found = new Map<string, Map<number, number>>(tenants.map(({ id }) => [id, new Map()]))
  for (const { tenant_id, id, version } of notes) found.get(tenant_id)?.set(id, version)
  for (const tenant of tenants) {
    const model = models.get(tenant)
    const there = found.get(tenant.id)
    if (model === undefined || there === undefined) throw new Error(`Nothing is known of ${tenant.id}.`)
    for (const [id, version] of model.known()) {
      if (there.get(id) !== version)
        report('audit', `${tenant.id} ${id}@${version} was committed, and is ${there.get(id) ?? 'gone'}`)
    }
    for (const id of there.keys()) {
      if (!model.known().has(id) && !model.isUnknown(id))
        report('audit', `${tenant.id} ${id} is there, and was never committed`)
    }
  }
}

/** Statements that their client has given up may still be running. */
async function untilQuiet({ admin, runtimeRole }: World): Promise<void> {
  const text = `select count(*)::int as busy from pg_stat_activity
    where datname = current_database() and usename = $1 and (state <> 'idle' or state is null)`
  for (const deadline = performance.now() + 10_000; performance.now() < deadline; await sleep(50)) {
    const { rows } = await admin.query(text, [runtimeRole])
    if (rows[0]?.busy === 0) return
  }
  throw new Error('The database does not come to rest.')
}
