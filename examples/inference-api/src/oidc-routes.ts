import type { Logger, Tenant } from '@tenantry/core'
import type { FastifyPluginAsync } from 'fastify'
import type { BeginLogin } from './begin-login.ts'
import { problem } from './problems.ts'
import type { Tenants } from './settings.ts'

interface OidcOptions {
  readonly tenants: Tenants
  readonly begin: BeginLogin
  readonly logger: Logger
}

const login = {
  type: 'object',
  additionalProperties: false,
  properties: { tenant_id: { type: 'string', maxLength: 64 } },
} as const

/**
 * The login of a tenant's people, before anybody is known: what the body names chooses a provider, and never whose data is served
 * (C04). Without a name it is the default tenant's. The callback, where the login ends, is not built yet.
 */
export const oidcRoutes: FastifyPluginAsync<OidcOptions> = async (app, { tenants, begin, logger }) => {
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
      try {
        return await reply.redirect(await begin(tenant), 303)
      } catch (error) {
        const reason = error instanceof Error ? error.name : 'unknown'
        logger.warn({ event: 'login.provider', tenant: tenant.id, reason }, 'The provider of a tenant did not answer.')
        return problem(reply, 502, 'The provider of this tenant cannot be reached.')
      }
    },
  )

  function hasLogin(tenant: Tenant | null | undefined): tenant is Tenant {
    return tenant?.status === 'active' && tenants.config(tenant.id).oidc_issuer !== undefined
  }
}
