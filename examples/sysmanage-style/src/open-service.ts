import { createTenancy, header, type Logger, type SecretSource, TenancyError } from '@tenantry/core'
import { problemHandler, tenantMiddleware } from '@tenantry/express'
import type { PgDatabase } from '@tenantry/pg-database'
import express, { type Express } from 'express'
import { agentRoutes } from './agent-routes.ts'
import { bearer } from './bearer.ts'
import { collapsed } from './collapsed.ts'
import { tenantCredentials } from './credentials.ts'
import { coordinates, distributed } from './distributed.ts'
import { openPools } from './open-pool.ts'
import { operatorApi } from './operator-api.ts'
import { otherErrors } from './other-errors.ts'
import { registryTables } from './registry-tables.ts'
import { checkSettings, type Settings } from './settings.ts'
import { createTenants, type Tenants } from './tenants.ts'

export interface ServiceOptions {
  readonly settings: Settings
  /** Where the references of the settings lead. */
  readonly secrets: SecretSource
  readonly logger: Logger
}

/** A process of the service. */
export interface Service {
  readonly app: Express
  /** What an operator's own tools use, over the API or not. Absent with multi-tenancy off. */
  readonly tenants: Tenants | undefined
  readonly databases: PgDatabase | undefined
  close(): Promise<void>
}

/**
 * Starts the service: the registry, and then everything in one database, or a database for every tenant.
 *
 * @throws {TenancyError} `CONFIG_INVALID` before anything is sent anywhere; `UNSAFE_CONFIGURATION`.
 */
export async function openService({ settings, secrets, logger }: ServiceOptions): Promise<Service> {
  checkSettings(settings)
  const { enabled = false, self_service_provisioning: selfService = false } = settings.multitenancy ?? {}
  const pools = openPools(secrets, logger)
  try {
    const [key, pool] = await Promise.all([secrets(settings.operator_key), pools.open(settings.registry, 4)])
    await pool.query(registryTables)
    const partitions = enabled ? await distributed(pool, { settings, secrets, pools, logger }) : await collapsed(pool)
    const { registry, databases } = partitions
    const credentials = tenantCredentials(pool)
    const servers = Object.entries(settings.servers ?? {}).map(([name, server]) => [name, coordinates(server)])
    const tenants = databases && createTenants({ pool, databases, credentials, servers: Object.fromEntries(servers) })
    // The header can only confirm what a credential proves.
    const resolvers = [bearer(credentials), header({ kind: 'slug', name: 'x-tenant' })]
    const tenancy = createTenancy({ registry, resolvers, absentStatus: 401, logger })

    async function find(slug: string) {
      const tenant = await registry.find({ kind: 'slug', value: slug })
      if (tenant === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: `slug ${slug}` })
      return tenant
    }
    const app = express()
    app.disable('x-powered-by')
    app.use('/operator', operatorApi({ tenancy, key, credentials, find, tenants, databases, selfService }))
    app.use(tenantMiddleware(tenancy))
    const [shared, own] = [partitions.shared(tenancy.current), partitions.own(tenancy.current)]
    app.use(agentRoutes({ tenancy, credentials, shared, own }))
    app.use((_request, response) => void response.status(404).json({ title: 'Not found.' }))
    app.use(problemHandler({ logger }))
    app.use(otherErrors(logger))
    return {
      ...{ app, tenants, databases },
      async close() {
        await partitions.close()
        await pools.end()
      },
    }
  } catch (error) {
    await pools.end()
    throw error
  }
}
