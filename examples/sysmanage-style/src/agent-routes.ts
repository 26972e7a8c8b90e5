import { type Tenancy, TenancyError } from '@tenantry/core'
import express, { type Request, Router } from 'express'
import { bearerToken } from './bearer.ts'
import type { CredentialKind, Subject, TenantCredentials } from './credentials.ts'
import type { Queryable } from './partitions.ts'

/** What agents may do, each in its tenant. */
export interface AgentRoutesOptions {
  readonly tenancy: Tenancy
  readonly credentials: TenantCredentials
  readonly shared: Queryable
  readonly own: Queryable
}

export function agentRoutes({ tenancy, credentials, shared, own }: AgentRoutesOptions): Router {
  const routes = Router()

  /** Who calls. The tenant is resolved already; that it is the same one is a matter of course, and seen to. */
  async function subjectOf(request: Request, kind: CredentialKind): Promise<Subject> {
    const subject = await credentials.verify(bearerToken(request.get('authorization') ?? ''))
    if (subject.kind === kind && subject.tenant === tenancy.current().id) return subject
    throw new TenancyError('CREDENTIAL_INVALID', { source: 'the agent' })
  }

  routes.get('/platforms', async (_request, response) => {
    response.json((await shared.query('select id, name from shared_platforms order by id')).rows)
  })

  // The token of the tenant, once; from then on the agent has a credential of its own.
  routes.post('/agents', express.json(), async (request, response) => {
    await subjectOf(request, 'enrol')
    const { hostname, platform } = (request.body ?? {}) as Readonly<Record<string, unknown>>
    if (typeof hostname !== 'string' || hostname === '')
      throw new TenancyError('INPUT_INVALID', { field: 'hostname', rule: 'must be text' })
    const { rows } = await shared.query('select from shared_platforms where id = $1', [platform])
    if (rows.length === 0) throw new TenancyError('INPUT_INVALID', { field: 'platform', rule: 'must be a known one' })
    const { id, token } = await credentials.create('agent', tenancy.current().id, hostname)
    try {
      await own.query('insert into hosts (id, hostname, platform) values ($1, $2, $3)', [id, hostname, platform])
    } catch (error) {
      // A credential without a host is nobody's.
      await credentials.revoke(tenancy.current().id, id)
      throw error
    }
    response.status(201).json({ hostname, credential: token })
  })

  routes.post('/heartbeats', express.json(), async (request, response) => {
    const { id } = await subjectOf(request, 'agent')
    const load = Number(request.body?.load)
    if (!Number.isFinite(load)) throw new TenancyError('INPUT_INVALID', { field: 'load', rule: 'must be a number' })
    await own.query('insert into heartbeats (host, load) values ($1, $2)', [id, load])
    response.status(201).json({ load })
  })

  routes.get('/hosts', async (request, response) => {
    await subjectOf(request, 'agent')
    const { rows } = await own.query(
      `select hostname, platform, (select count(*) from heartbeats where host = id)::int as heartbeats from hosts order by hostname`,
    )
    response.json(rows)
  })
  return routes
}
