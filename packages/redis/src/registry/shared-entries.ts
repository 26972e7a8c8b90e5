import type { RegistryChange, SharedEntries, TenantKey } from '@tenantry/core'
import type { Cluster, Redis } from 'ioredis'
import { getEntry, purgeEntries, putEntries } from './entry-scripts.ts'
import { type RegistryPlace, registryClient, registryPrefix } from './registry-client.ts'

/** Options of {@link redisSharedEntries}. */
export interface SharedEntriesOptions extends RegistryPlace {
  /** Of the application, and of no tenant. Yours: you close it. */
  readonly client: Redis | Cluster
  /** Milliseconds that an entry may be used. Default 20,000, at most 25,000. */
  readonly ttl?: number
}

/**
 * What processes know of tenants together, in Redis: entries with the version of their tenant, which a stamp beside them can make void.
 * Times are those of the server's clock, so that an entry that was long on its way is not kept for longer.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`, `CONFIG_INVALID`. What it gives rejects with `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`, or
 * what the server answers; the cache goes on without it.
 * @example
 * const registry = cachedRegistry(store, { shared: redisSharedEntries({ client }) })
 */
export function redisSharedEntries(options: SharedEntriesOptions): SharedEntries {
  const { ttl = 20_000 } = options
  const prefix = registryPrefix(options)
  const use = registryClient<Redis | Cluster>(options.client, 'client')
  const nameOf = ({ kind, value }: TenantKey) => `${prefix}key:${kind}:${value}`
  const stamps = `${prefix}version:`

  return {
    name: 'redis',
    ttl,
    async get(key) {
      const answer = await use(client => client.eval(getEntry, 1, nameOf(key), stamps))
      const [ticket, text] = answer as [ticket: string, text: string | null]
      return text === null ? { ticket } : { ticket, text }
    },
    async put({ id, version, entries, ticket }) {
      const names = [stamps + id, ...entries.map(({ key }) => nameOf(key))]
      const texts = entries.map(({ text }) => text)
      await use(client => client.eval(putEntries, names.length, ...names, version, ttl, ticket, id, ...texts))
    },
    async purge({ id, version, keys }: RegistryChange) {
      const own: TenantKey = { kind: 'id', value: id }
      const names = [stamps + id, ...[own, ...keys].map(nameOf)]
      await use(client => client.eval(purgeEntries, names.length, ...names, version, ttl))
    },
  }
}
