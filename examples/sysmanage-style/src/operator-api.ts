import { type Secret, type Tenancy, TenancyError, type Tenant } from '@tenantry/core'
import { systemMiddleware } from '@tenantry/express'
import type { PgDatabase } from '@tenantry/pg-database'
import express, { Router } from 'express'
import type { TenantCredentials } from './credentials.ts'
import { requireOperator } from './require-operator.ts'
import type { Tenants } from './tenants.ts'

/** What the operator's API needs. */
export interface OperatorApiOptions {
  readonly tenancy: Tenancy
  readonly key: Secret
  readonly credentials: TenantCredentials
  /** The tenant of a name. @throws {TenancyError} `TENANT_NOT_FOUND` */
  readonly find: (slug: string) => Promise<Tenant>
  /** Absent where there is one tenant and no other can be made. */
  readonly tenants: Tenants | undefined
  readonly databases: PgDatabase | undefined
  /** Whether tenants are created and erased over the API. */
  readonly selfService: boolean
}

/** The control plane, for whoever has the key. It works outside of every tenant, and each call is logged as such. */
export function operatorApi(options: OperatorApiOptions): Router {
  const { tenancy, key, credentials, find, tenants, databases, selfService } = options
  const api = Router()
  // First, so that strangers' bodies are not read.
  api.use(requireOperator(key), express.json())
  api.use(systemMiddleware(tenancy, ({ method, path }) => ({ actor: 'operator', reason: `${method} ${path}` })))

  api.get('/tenants/:slug/tokens', async ({ params: { slug } }, response) => {
    response.json(await credentials.list((await find(slug)).id))
  })
  api.post('/tenants/:slug/tokens', async ({ params: { slug }, body: { label } = {} }, response) => {
    if (typeof label !== 'string' || label === '')
      throw new TenancyError('INPUT_INVALID', { field: 'label', rule: 'must be text' })
    response.status(201).json(await credentials.create('enrol', (await find(slug)).id, label))
  })
  api.delete('/tenants/:slug/tokens/:id', async ({ params: { slug, id } }, response) => {
    await credentials.revoke((await find(slug)).id, id)
    response.json({ revoked: id })
  })

  if (tenants === undefined || databases === undefined) {
    api.use('/tenants', (_request, response) => void response.status(403).json(off))
    return api
  }
  api.get('/metrics', (_request, response) => void response.json(databases.metrics()))
  api.get('/tenants', async (_request, response) => void response.json((await tenants.list()).map(shown)))
  api.post('/tenants/:slug/suspend', async ({ params }, response) => {
    response.json(shown(await tenants.suspend(params.slug)))
  })
  api.post('/tenants/:slug/resume', async ({ params }, response) => {
    response.json(shown(await tenants.resume(params.slug)))
  })
  if (!selfService) {
    api.use('/tenants', (_request, response) => void response.status(403).json(off))
    return api
  }
  api.post('/tenants', async ({ body = {} }, response) => {
    response.status(201).json(shown(await tenants.create(body)))
  })
  api.delete('/tenants/:slug', async ({ params }, response) => {
    response.json(await tenants.erase(params.slug))
  })
  return api
}

const off = { title: 'Self-service provisioning is off.', code: 'SELF_SERVICE_OFF' }

function shown({ slug, name, status, placement }: Tenant) {
  return { slug, name, status, placement }
}
