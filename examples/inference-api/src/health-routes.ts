import type { Health, Tenant } from '@tenantry/core'
import type { FastifyPluginAsync } from 'fastify'
import type { IsOperator } from './operator.ts'
import type { Tenants } from './settings.ts'
import type { Stores } from './stores.ts'

export interface HealthRoutesOptions {
  readonly tenants: Tenants
  readonly stores: Stores
  readonly isOperator: IsOperator
}

interface TenantHealth {
  readonly ok: boolean
  readonly mongo: Health
  readonly redis: Health
}

/**
 * Whether the stores of each tenant answer (I10). One that is down makes the service degraded, and not the others unwell; 503 is
 * for none that is well. Who the tenants are is told to the operator only.
 */
export const healthRoutes: FastifyPluginAsync<HealthRoutesOptions> = async (app, { tenants, stores, isOperator }) => {
  let looking: Promise<ReadonlyMap<string, TenantHealth>> | undefined

  app.get('/health', async (request, reply) => {
    // Anybody may ask, so that many who ask at once are one look.
    looking ??= look().finally(() => {
      looking = undefined
    })
    const found = await looking
    const well = [...found.values()].filter(({ ok }) => ok).length
    const status = well === found.size ? 'ok' : well > 0 ? 'degraded' : 'down'
    reply.code(status === 'down' ? 503 : 200).header('cache-control', 'no-store')
    const summary = { status, well, total: found.size }
    return isOperator(request) ? { ...summary, tenants: Object.fromEntries(found) } : summary
  })

  async function look(): Promise<ReadonlyMap<string, TenantHealth>> {
    const active: Tenant[] = []
    for await (const tenant of tenants.list()) if (tenant.status === 'active') active.push(tenant)
    return new Map(await Promise.all(active.map(async tenant => [tenant.id, await healthOf(tenant)] as const)))
  }

  async function healthOf(tenant: Tenant): Promise<TenantHealth> {
    const [mongo, redis] = await Promise.all([stores.mongo.health(tenant), stores.redis.health(tenant)])
    return { ok: mongo.ok && redis.ok, mongo, redis }
  }
}
