// Checked by tsc alone: the plugin registers with every kind of server, and requests have a tenant.
import { createTenancy, memoryRegistry, type Tenant } from '@tenantry/core'
import { tenantPlugin } from '@tenantry/fastify'
import { type FastifyBaseLogger, type FastifyRequest, fastify } from 'fastify'

const tenancy = createTenancy({ registry: memoryRegistry() })
export const app = fastify()
app.register(tenantPlugin, { tenancy })
app.get('/', request => request.tenant?.name)
export const secondVersion = fastify({ http2: true })
secondVersion.register(tenantPlugin, { tenancy })
declare const logger: FastifyBaseLogger & { readonly own: true }
export const ownLogger = fastify({ loggerInstance: logger })
ownLogger.register(tenantPlugin, { tenancy })

export const tenantOf = (request: FastifyRequest): Tenant | undefined => request.tenant
// @ts-expect-error outside the scope of the plugin there is none
export const always = (request: FastifyRequest): Tenant => request.tenant
// @ts-expect-error the plugin needs a tenancy
app.register(tenantPlugin, {})
