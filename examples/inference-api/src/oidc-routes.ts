import type { Tenant } from '@tenantry/core'
import type { FastifyPluginAsync } from 'fastify'
import { problem } from './problems.ts'
import type { Tenants } from './settings.ts'

const login = {
  type: 'object',
  additionalProperties: false,
  properties: { tenant_id: { type: 'string', maxLength: 64 } },
} as const

/**
 * The login of a tenant's people, before anybody is known: what the body names chooses a provider, and never whose data is served
 * (C04). Without a name it is the default tenant's. Beginning the login is not built yet.
 */
export const oidcRoutes: FastifyPluginAsync<{ readonly tenants: Tenants }> = async (app, { tenants }) => {
  app.post<{ Body: { tenant_id?: string } }>(
    '/v1/auth/oidc/login',
    { schema: { body: login } },
    async (request, reply) => {
      const { tenant_id: id } = request.body
      const tenant = id === undefined ? await tenants.findDefault() : await tenants.find({ kind: 'id', value: id })
      if (!hasLogin(tenant)) {
        // One answer for a tenant without a provider and for none at all: it does not tell who is a tenant.
        return problem(reply, 404, 'There is no login by OIDC for this tenant.')
      }
      return problem(
        reply,
        501,
        'Login by OIDC is configured for this tenant, but this version cannot begin it.',
        'The redirect to the provider, with a state that is bound to the tenant, and the callback are not built yet.',
      )
    },
  )

  function hasLogin(tenant: Tenant | null | undefined): boolean {
    return tenant?.status === 'active' && tenants.config(tenant.id).oidc_issuer !== undefined
  }
}
