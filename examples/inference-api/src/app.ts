import { createTenancy, header, type Logger } from '@tenantry/core'
import { tenantPlugin } from '@tenantry/fastify'
import { apiKey, type JwtIssuer, jwt, memoryApiKeys } from '@tenantry/identity'
import { type FastifyInstance, fastify } from 'fastify'
import { beginLogins } from './begin-login.ts'
import { healthRoutes } from './health-routes.ts'
import { inferenceRoutes } from './inference-routes.ts'
import { oidcRoutes } from './oidc-routes.ts'
import { operator } from './operator.ts'
import { operatorRoutes } from './operator-routes.ts'
import { answerErrors, problem } from './problems.ts'
import { readSettings } from './settings.ts'
import { openStores, type Stores } from './stores.ts'

/** How the inference API is opened. */
export interface AppOptions {
  /** `TENANT_CONFIGS`, `DEFAULT_TENANT_ID`, `OPERATOR_KEY`, `GATEWAY_KEY`, and what these refer to. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Who signs tokens. At least one. */
  readonly issuers: readonly JwtIssuer[]
  /** A tenant whose stores cannot be had at start: nobody is served, or the others are. Default `abort`. */
  readonly onFailure?: 'abort' | 'degrade'
  /** Whether the MongoDB servers have transactions. Default `true`. */
  readonly transactions?: boolean
  /** Inferences that a tenant may ask for in a minute. Default 60. */
  readonly limit?: number
  readonly logger: Logger
}

/** The API, connected, and not listening yet. */
export interface App {
  readonly server: FastifyInstance
  readonly stores: Stores
  close(): Promise<void>
}

/**
 * Opens the inference API: the configuration, the stores of every tenant, the routes.
 *
 * @throws {TenancyError} `CONFIG_INVALID` before anything is opened; `FOR_EACH_FAILED` for tenants whose stores cannot be had.
 */
export async function openApp(options: AppOptions): Promise<App> {
  const { env, issuers, onFailure = 'abort', transactions = true, limit = 60, logger } = options
  const { tenants, operatorKey, gatewayKey } = readSettings(env, logger)
  const keys = memoryApiKeys()
  const trusted = gatewayKey === undefined ? false : { header: 'x-gateway-key', secret: gatewayKey }
  const tenancy = createTenancy({
    registry: tenants,
    // The order of the document (I04). All that are there must name one tenant (I46). No default tenant: data wants a credential.
    resolvers: [jwt({ issuers, logger }), apiKey({ keys }), header({ trusted })],
    absentStatus: 401,
    logger,
  })
  const stores = await openStores({ tenants, onFailure, transactions, logger })
  const isOperator = operator(operatorKey)

  // A body is taken as it is or refused: nothing that is misspelt is dropped, and no list is taken for its one element.
  const server = fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } })
  server.setErrorHandler(answerErrors(logger))
  server.setNotFoundHandler((_request, reply) => problem(reply, 404, 'Not found.'))
  server.addHook('onResponse', async (request, reply) => {
    const { method, tenant, routeOptions } = request
    // The route and not the target, which may carry anything.
    const done = {
      event: 'request.done',
      tenant: tenant?.id ?? null,
      method,
      route: routeOptions.url,
      status: reply.statusCode,
    }
    logger.info(done, `${method} ${routeOptions.url ?? 'nowhere'}: ${reply.statusCode}`)
  })
  server.register(healthRoutes, { tenants, stores, isOperator })
  const begin = beginLogins(({ id }) => tenants.config(id), operatorKey)
  server.register(oidcRoutes, { tenants, begin, logger })
  server.register(operatorRoutes, { tenants, keys, isOperator })
  server.register(async scope => {
    scope.register(tenantPlugin, { tenancy })
    const [mongo, redis] = [tenancy.handle(stores.mongo), tenancy.handle(stores.redis)]
    scope.register(inferenceRoutes, { tenancy, tenants, mongo, redis, limit })
  })
  return {
    ...{ server, stores },
    async close() {
      await server.close()
      await stores.close()
    },
  }
}
