import type { Secret, Tenancy } from '@tenantry/core'
import { systemMiddleware } from '@tenantry/express'
import express, { Router } from 'express'
import { requireApiKey } from './api-key.ts'
import { notFound } from './not-found.ts'
import type { Tenants } from './tenants.ts'

/** What the tenancy API needs. */
export interface TenancyApiOptions {
  readonly tenancy: Tenancy
  readonly tenants: Tenants
  readonly apiKey: Secret | undefined
}

/** Tenants and their domains, for whoever has the key. It works outside of every tenant, and each call is logged as such. */
export function tenancyApi({ tenancy, tenants, apiKey }: TenancyApiOptions): Router {
  const api = Router()
  // First, so that strangers' bodies are not read.
  api.use(requireApiKey(apiKey), express.json())
  api.use(systemMiddleware(tenancy, ({ method, path }) => ({ actor: 'tenancy API', reason: `${method} ${path}` })))
  api.get('/tenants', async (_request, response) => {
    response.json(await tenants.list())
  })
  api.post('/tenants', async ({ body: { name, schema_name } = {} }, response) => {
    await tenants.create({ name, schema_name })
    response.status(201).json({ name, schema_name })
  })
  api.delete('/tenants/:schema', async ({ params: { schema } }, response) => {
    response.json(await tenants.remove(schema))
  })
  api.put('/tenants/:schema/domains/:domain', async ({ params: { schema, domain } }, response) => {
    response.status(201).json({ domain: await tenants.addDomain(schema, domain), schema_name: schema })
  })
  api.delete('/tenants/:schema/domains/:domain', async ({ params: { schema, domain } }, response) => {
    await tenants.removeDomain(schema, domain)
    response.json({ domain })
  })
  api.use(notFound)
  return api
}
