import {
  type CachedRegistryOptions,
  cachedRegistry,
  type MemoryRegistry,
  type Tenant,
  type TenantKey,
} from '@tenantry/core'
import { Redis, type RedisOptions } from 'ioredis'
import { onTestFinished } from 'vitest'
import { redisChanges, redisSharedEntries } from '../../src/index.ts'
import { silent } from '../support.ts'

export const slug = (value: string): TenantKey => ({ kind: 'slug', value })
export const domain = (value: string): TenantKey => ({ kind: 'domain', value })
export const id = (value: string): TenantKey => ({ kind: 'id', value })

/** A client that ends with the test. */
export function connect(url: string, options: Pick<RedisOptions, 'keyPrefix' | 'retryStrategy'> = {}): Redis {
  const client = new Redis(url, { retryStrategy: () => 20, ...options })
  client.on('error', () => undefined)
  onTestFinished(() => client.disconnect())
  return client
}

/** What a process has: a cache with entries and changes in Redis, and connections of its own. Counts what the registry is asked. */
export async function openProcess(
  url: string,
  stored: MemoryRegistry,
  namespace: string,
  options: CachedRegistryOptions = {},
) {
  const [client, subscriber] = [connect(url), connect(url)]
  const asked: string[] = []
  const registry = {
    ...stored,
    find: async (key: TenantKey) => {
      asked.push(`${key.kind} ${key.value}`)
      return stored.find(key)
    },
  }
  const shared = redisSharedEntries({ client, namespace })
  const cache = cachedRegistry(registry, {
    shared,
    buses: [redisChanges({ client, subscriber, namespace, logger: silent })],
    logger: silent,
    ...options,
  })
  await cache.ready()
  onTestFinished(() => cache.close())
  return { cache, asked, client, subscriber, shared }
}

/** The word of the change that has made this tenant what it is. */
export const changeOf = ({ id: of, version, slug: name }: Tenant, ...keys: readonly TenantKey[]) => ({
  id: of,
  version,
  keys: [slug(name), ...keys],
})

/** Waits for what comes with a message. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('It has not come.')
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}
