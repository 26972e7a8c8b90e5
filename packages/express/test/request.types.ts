// Checked by tsc alone: the middleware is a handler of Express, and requests have a tenant.
import { createTenancy, memoryRegistry, type Tenant } from '@tenantry/core'
import { problemHandler, tenantMiddleware } from '@tenantry/express'
import express, { type Request } from 'express'

export const app = express()
  .use(tenantMiddleware(createTenancy({ registry: memoryRegistry() })))
  .get('/', (request, response) => void response.send(request.tenant?.name))
  .use(problemHandler())

export const tenantOf = (request: Request): Tenant | undefined => request.tenant
// @ts-expect-error outside the middleware there is none
export const always = (request: Request): Tenant => request.tenant
// @ts-expect-error the middleware needs a tenancy
tenantMiddleware()
