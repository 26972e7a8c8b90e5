import { type CachedRegistry, cachedRegistry, type Logger, type TenantRegistry } from '@tenantry/core'
import { registryChanges } from '@tenantry/pg/registry'
import { redisChanges, redisSharedEntries } from '@tenantry/redis'
import { Redis } from 'ioredis'
import pg from 'pg'

export const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** How processes tell each other. */
export type BusName = 'redis' | 'postgres'

/** Where a cache gets its word from. */
export interface CachePlace {
  readonly bus: BusName
  readonly redis: string
  readonly registry: string
}

/** A process's own cache over a registry: with Redis as its second level and its bus, or with nothing but the registry's own database. */
export async function openCache(
  registry: TenantRegistry,
  { bus, redis: url, registry: connectionString }: CachePlace,
): Promise<{ readonly cache: CachedRegistry; readonly clients: readonly Redis[] }> {
  if (bus === 'postgres') {
    const changes = registryChanges({ connect: () => new pg.Client({ connectionString }), logger: quiet })
    const cache = cachedRegistry(registry, { buses: [changes], logger: quiet })
    await cache.ready()
    return { cache, clients: [] }
  }
  const clients = [0, 1].map(() => {
    const client = new Redis(url, { retryStrategy: () => 100 })
    client.on('error', () => undefined)
    return client
  }) as [Redis, Redis]
  const [client, subscriber] = clients
  const cache = cachedRegistry(registry, {
    shared: redisSharedEntries({ client }),
    buses: [redisChanges({ client, subscriber, logger: quiet })],
    logger: quiet,
  })
  await cache.ready()
  return { cache, clients }
}
