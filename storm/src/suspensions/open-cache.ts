import { type CachedRegistry, cachedRegistry, type Logger, type TenantRegistry } from '@tenantry/core'
import { redisChanges, redisSharedEntries } from '@tenantry/redis'
import { Redis } from 'ioredis'

export const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** A process's own cache over a registry, with Redis as its second level and its bus. */
export async function openCache(
  registry: TenantRegistry,
  url: string,
): Promise<{ readonly cache: CachedRegistry; readonly clients: readonly Redis[] }> {
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
