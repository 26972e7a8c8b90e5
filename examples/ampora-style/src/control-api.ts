import { brandingOf, checkBranding, TenancyError } from '@tenantry/core'
import express, { type Request, Router } from 'express'
import type { Platform } from './platform.ts'
import { callerOf, type Role, requireRole } from './require-role.ts'

/** What people keep in their tenant: the table, what they say of it, and who may. No word of tenants anywhere. */
const resources: Readonly<
  Record<string, { readonly table: string; readonly fields: readonly string[]; readonly writer: Role }>
> = {
  configurations: { table: 'configurations', fields: ['name', 'body'], writer: 'Operator' },
  'agent-groups': { table: 'agent_groups', fields: ['name'], writer: 'Operator' },
  rollouts: { table: 'rollouts', fields: ['configuration', 'agent_group'], writer: 'Operator' },
  'lint-rules': { table: 'lint_rules', fields: ['name', 'pattern'], writer: 'Admin' },
  policies: { table: 'policies', fields: ['name', 'rule'], writer: 'Admin' },
}

/** What a person does in their tenant. Stands behind `tenantMiddleware`. */
export function controlApi({ tenancy, rows, lifecycle, enrolment, base }: Platform): Router {
  const api = Router()
  const may = (role: Role) => requireRole(tenancy, role)
  const actor = () => callerOf(tenancy.evidence()).subject ?? ''
  api.use(express.json({ limit: '50kb' }))

  // The user menu: who, in which tenant, as what, and how it looks (A35, A36).
  api.get('/me', may('Viewer'), (_request, response) => {
    const tenant = tenancy.current()
    const { role } = callerOf(tenancy.evidence())
    response.json({ tenant: { slug: tenant.slug, name: tenant.name }, user: actor(), role, brand: brandingOf(tenant) })
  })

  for (const [name, { table, fields, writer }] of Object.entries(resources)) {
    api.get(`/${name}`, may('Viewer'), async (_request, response) => {
      response.json({ items: (await rows.query(`select * from ${table} order by 1, 2 limit 100`)).rows })
    })
    api.post(`/${name}`, may(writer), async (request, response) => {
      const values = fields.map(field => textOf(request, field))
      // With what it notes in one statement: both, or neither.
      const { rows: made } = await rows.query(
        `with made as (insert into ${table} (${fields.join(', ')}) values (${fields.map((_, at) => `$${at + 1}`).join(', ')}) returning *),
              noted as (insert into audit_log (actor, action, what) select $${fields.length + 1}, 'create', $${fields.length + 2} from made)
         select * from made`,
        [...values, actor(), `${name} ${values[0]}`],
      )
      response.status(201).json(made[0])
    })
  }
  for (const [name, columns] of [
    ['agents', 'id, name, agent_group, seen'],
    ['audit-log', 'at, actor, action, what'],
  ] as const)
    api.get(`/${name}`, may(name === 'agents' ? 'Viewer' : 'Admin'), async (_request, response) => {
      const table = name.replace('-', '_')
      response.json({ items: (await rows.query(`select ${columns} from ${table} order by 1 limit 100`)).rows })
    })

  // A45. The tenant is the one of the request: nothing here could name another.
  api.put('/theme', may('Admin'), async (request, response) => {
    const { id, settings, version } = tenancy.current()
    const branding = { ...checkBranding(request.body) }
    const changed = await lifecycle.setSettings(id, { ...settings, branding }, { actor: actor(), expected: version })
    response.json(brandingOf(changed))
  })

  // A26 – A30: what automation needs to enrol agents. The secret is shown once.
  api.post('/pools', may('Admin'), async (request, response) => {
    const [name, group] = [textOf(request, 'name'), textOf(request, 'default_group')]
    const minutes = Number(request.body?.ttl_minutes)
    if (!Number.isInteger(minutes))
      throw new TenancyError('INPUT_INVALID', { field: 'ttl_minutes', rule: 'must be whole' })
    const { rows: groups } = await rows.query('select from agent_groups where name = $1', [group])
    if (groups.length === 0)
      throw new TenancyError('INPUT_INVALID', { field: 'default_group', rule: 'must be a group' })
    const wanted = { tenantId: tenancy.current().id, name, group, ttl: minutes * 60_000 }
    const { pool, secret } = await enrolment.createPool(wanted, { actor: actor() })
    response
      .status(201)
      .json({ pool: pool.id, name, endpoint: `${base}/v1/pools/${pool.id}/tokens`, secret: secret.reveal() })
  })
  // A42: an operator's own agent, without a pool and without the platform.
  api.post('/tokens', may('Operator'), async (_request, response) => {
    const wanted = { tenantId: tenancy.current().id, lifetime: 3_600_000 }
    const { secret } = await enrolment.createToken(wanted, { actor: actor() })
    response.status(201).json({ token: secret.reveal() })
  })
  return api
}

/** @throws {TenancyError} `INPUT_INVALID` */
export function textOf(request: Request, field: string): string {
  const value: unknown = (request.body as Readonly<Record<string, unknown>> | undefined)?.[field]
  if (typeof value !== 'string' || value === '' || value.length > 10_000)
    throw new TenancyError('INPUT_INVALID', { field, rule: 'must be text of at most 10,000 characters' })
  return value
}
