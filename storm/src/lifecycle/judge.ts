import { type OperationKind, type TenantStatus, type Transition, transitions } from '@tenantry/core'
import type pg from 'pg'
import type { Tally } from './messages.ts'

/** What the tables themselves say, read past everything that was stormed. */
export async function judge(
  pool: pg.Pool,
  things: pg.Pool,
  tallies: readonly Tally[],
  shared: readonly string[],
): Promise<readonly string[]> {
  const problems: string[] = []
  const { rows: flags } = await pool.query<{ defaults: number; controls: number }>(
    `select count(*) filter (where is_default)::int defaults, count(*) filter (where is_control)::int controls from tenantry.registry_tenants`,
  )
  if (flags[0]?.defaults !== 1 || flags[0].controls !== 1)
    problems.push(`default and control tenants: ${JSON.stringify(flags[0])}`)

  for (const tenant of shared) {
    const counted = tallies.reduce((sum, tally) => sum + (tally.counted[tenant] ?? 0), 0)
    const { rows } = await pool.query<{ count: number }>(
      `select coalesce((settings->>'count')::int, 0) as count from tenantry.registry_tenants where id = $1`,
      [tenant],
    )
    if (rows[0]?.count !== counted)
      problems.push(`${tenant} stands at ${rows[0]?.count}; it was counted up ${counted} times`)
  }

  const { rows: operations } = await pool.query<{
    tenant: string
    kind: OperationKind
    state: string
    activate: boolean | null
  }>(
    `select tenant, kind, state, (parameters->>'activate')::boolean as activate from tenantry.registry_operations order by tenant, sequence`,
  )
  const statuses = new Map<string, TenantStatus | 'gone'>()
  for (const { tenant, kind, state, activate } of operations) {
    const { from, to, failed }: Transition = transitions[kind]
    const before = statuses.get(tenant)
    if (
      kind === 'create' ? before !== undefined : before === undefined || before === 'gone' || !from.includes(before)
    ) {
      problems.push(`the journal has "${kind}" of ${tenant}, which was ${before}`)
    }
    if (state !== 'done' && state !== 'failed') problems.push(`"${kind}" of ${tenant} is still ${state}`)
    const after = state === 'failed' ? failed : kind === 'create' && activate === false ? 'provisioning' : to
    if (after !== undefined && after !== 'same') statuses.set(tenant, after)
  }
  const { rows: tenants } = await pool.query<{ id: string; status: TenantStatus }>(
    'select id, status from tenantry.registry_tenants',
  )
  for (const { id, status } of tenants) {
    if (statuses.get(id) !== status) problems.push(`${id} is ${status}; its journal ends with ${statuses.get(id)}`)
    statuses.delete(id)
  }
  for (const [id, status] of statuses)
    if (status !== 'gone') problems.push(`${id} is missing; its journal ends with ${status}`)

  const { rows: orphans } = await things.query<{ tenant: string }>('select tenant from things')
  const known = new Set(tenants.map(({ id }) => id))
  for (const { tenant } of orphans) if (!known.has(tenant)) problems.push(`a thing of ${tenant} is left, which is gone`)
  return problems
}
