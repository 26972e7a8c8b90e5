import { TenancyError } from '../errors.ts'
import { consoleLogger, type Logger } from '../logger.ts'
import { findTenant, type TenantKey, type TenantRegistry } from '../registry.ts'
import type { Tenant } from '../tenant.ts'
import { snapshotOf } from '../tenant-snapshot.ts'
import { tellOthers } from './cache/announce.ts'
import { type CacheKey, canonicalKey, defaultKey, isCacheable, ownKey } from './cache/cache-key.ts'
import { changeListeners } from './cache/change-listeners.ts'
import { checkCacheOptions } from './cache/check-cache-options.ts'
import { type Flight, flights, type Landing } from './cache/flights.ts'
import { knownTenants, longestFlight } from './cache/known-tenants.ts'
import { checkShared, sharedLevel } from './cache/shared-level.ts'
import { subscriptions } from './cache/subscriptions.ts'
import type { ChangeBus, RegistryChange, WatchedRegistry } from './registry-changes.ts'
import type { SharedEntries } from './shared-entries.ts'

/** Options of {@link cachedRegistry}. */
export interface CachedRegistryOptions {
  /** Milliseconds that a tenant is known without asking. Default 5,000, which is the most. */
  readonly ttl?: number
  /** Milliseconds for keys that no active tenant has, at most `ttl`. Default 1,000, or `ttl` if that is less. */
  readonly negativeTtl?: number
  /** How many tenants are known at once, and as many keys that no active tenant has. Default 10,000. */
  readonly max?: number
  /** What processes know together, asked before the registry. Default none. */
  readonly shared?: SharedEntries
  /** How processes tell each other of changes. Default none: a change is seen elsewhere within {@link CachedRegistry.bound}. */
  readonly buses?: readonly ChangeBus[]
  /** Default: warnings and errors as JSON lines on standard error. */
  readonly logger?: Logger
}

/** Counts since the start, and what there is now. */
export interface CacheStats {
  readonly hits: number
  readonly misses: number
  /** Questions that went to the registry itself. */
  readonly reads: number
  /** Tenants, of some of which only the version is known. */
  readonly tenants: number
  /** Keys that no active tenant has. */
  readonly refusals: number
  readonly underway: number
}

/** A {@link TenantRegistry} that remembers, for a short time, what another one answered. */
export interface CachedRegistry extends WatchedRegistry {
  /**
   * Milliseconds within which a change is seen here with every bus down: `ttl`, and that of the shared cache. It is seen at once when
   * the change is heard of.
   */
  readonly bound: number
  /**
   * Tells everybody of a change: this process at once, then the shared cache, then every bus.
   *
   * @throws {TenancyError} `DATABASE_UNAVAILABLE` when one could not be told. The change is seen there within the bound.
   * @example
   * const lifecycle = createLifecycle({ store, announce: cache.announce })
   */
  announce(change: RegistryChange): Promise<void>
  /** Listens to every bus. Until then, and where it throws, changes are seen within the bound. May be called again. */
  ready(): Promise<void>
  /** Ends what `ready` began. Answers nothing afterwards. */
  close(): Promise<void>
  stats(): CacheStats
}

/** How often a question is asked when its answer was out of date already, and when it was overtaken by changes. */
const attempts = { old: 3, overtaken: 50 }

/**
 * A cache around any registry. An active tenant is answered without a promise and without I/O; a change empties it for that tenant,
 * whatever its keys. What began before a change is neither kept nor waited for, and a version that is lower than one that was seen is
 * not believed. A registry that cannot answer throws, as it does without a cache.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for an option against its rule. `find` and `findDefault` throw what the registry throws, and
 * `CONFIG_INVALID` for one that goes on answering with what is older than it answered before.
 * @example
 * const registry = cachedRegistry(store, { buses: [registryChanges(…)] })
 * await registry.ready()
 * const tenancy = createTenancy({ registry, resolvers })
 */
export function cachedRegistry(registry: TenantRegistry, options: CachedRegistryOptions = {}): CachedRegistry {
  const { ttl = 5_000, max = 10_000, shared, logger = consoleLogger } = options
  const { negativeTtl = Math.min(1_000, ttl) } = options
  const buses = [...(options.buses ?? [])]
  checkCacheOptions({ ttl, negativeTtl, max })
  if (shared !== undefined) checkShared(shared)

  const level = shared === undefined ? undefined : sharedLevel(shared, logger)
  const questions = flights(negativeTtl)
  const known = knownTenants({ ttl, negativeTtl, max, onForgotten: questions.blind })
  const listeners = changeListeners(logger)
  const heard = { changed, missed }
  const subscribed = subscriptions(buses, heard, missed)
  const counts = { hits: 0, misses: 0, reads: 0 }
  let isClosed = false

  function changed(change: RegistryChange): void {
    const keys: CacheKey[] = [...change.keys.map(canonicalKey), { kind: 'id', value: change.id }, defaultKey]
    known.raise(change.id, change.version, performance.now())
    known.forget(keys)
    questions.overtake(keys)
    listeners.changed(change)
  }

  function missed(): void {
    known.clear()
    questions.overtakeAll()
    listeners.missed()
  }

  function lookUp(key: CacheKey): Tenant | undefined | Promise<Tenant | undefined> {
    if (isClosed) throw new TenancyError('SCOPE_CLOSED', { what: 'The cache of tenants' })
    const found = known.find(key, performance.now())
    if (found !== undefined) {
      counts.hits += 1
      return found ?? undefined
    }
    counts.misses += 1
    return ask(ownKey(key))
  }

  async function ask(key: CacheKey): Promise<Tenant | undefined> {
    const ends = { old: 0, overtaken: 0 }
    while (ends.old < attempts.old && ends.overtaken < attempts.overtaken) {
      const landing = await questions.join(key, flight => fly(key, flight))
      if (typeof landing === 'object') return landing.tenant
      ends[landing] += 1
    }
    const rule = ends.old > 0 ? 'it answers with an older version than before' : 'it changes faster than it answers'
    const problems = [`asked for ${key.kind} ${key.value}, ${rule}`]
    throw new TenancyError('CONFIG_INVALID', { source: 'The tenant registry', problems })
  }

  async function fly(key: CacheKey, flight: Flight): Promise<Landing> {
    if (level === undefined || key.kind === 'default') return land(key, await read(key), flight)
    const { tenant, ticket } = await level.get(key)
    // Without versions of its own, a name that leads elsewhere since is as it was before.
    if (tenant !== undefined && !flight.isOvertaken) {
      const landing = land(key, tenant, flight)
      if (typeof landing === 'object') return landing
    }
    const answer = await read(key)
    const landing = land(key, answer, flight)
    if (typeof landing === 'object' && ticket !== undefined && answer?.status === 'active' && !flight.isOvertaken) {
      const { id, slug } = answer
      const names: TenantKey[] = [
        { kind: 'id', value: id },
        { kind: 'slug', value: slug.toLowerCase() },
      ]
      level.put(answer, key.kind === 'domain' ? [...names, key] : names, ticket)
    }
    return landing
  }

  /** No copy is made of a tenant that is not active, as none is made of nobody (E13). */
  async function read(key: CacheKey): Promise<Tenant | undefined> {
    counts.reads += 1
    if (key.kind !== 'default') return findTenant(registry, key, ({ status }) => status !== 'active')
    const tenant: Tenant | null | undefined = await registry.findDefault()
    return tenant === undefined || tenant === null ? undefined : snapshotOf(tenant)
  }

  function land(key: CacheKey, tenant: Tenant | undefined, flight: Flight): Landing {
    const now = performance.now()
    if (flight.isBlind || now - flight.since >= longestFlight) return 'overtaken'
    if (tenant !== undefined) {
      if (!Number.isSafeInteger(tenant.version)) {
        const problems = [`tenant ${tenant.id} has a version that is no whole number`]
        throw new TenancyError('CONFIG_INVALID', { source: 'The tenant registry', problems })
      }
      const age = known.age(tenant, flight.since, now)
      if (age !== 'current') return age
    }
    const isNews = tenant !== undefined && known.see(tenant, now)
    if (!flight.isOvertaken) known.put(key, tenant, flight.since, now)
    // Nobody has told of it, but here it is.
    if (isNews) listeners.changed({ id: tenant.id, version: tenant.version, keys: [] })
    return { tenant }
  }

  return {
    bound: ttl + (shared?.ttl ?? 0),
    find(key) {
      const canonical = canonicalKey(key)
      return isCacheable(canonical) ? lookUp(canonical) : read(canonical)
    },
    findDefault: () => lookUp(defaultKey),
    list: () => registry.list(),
    onChange: listeners.add,
    async announce(change) {
      changed(change)
      await tellOthers(change, level, buses)
    },
    ready: subscribed.begin,
    async close() {
      isClosed = true
      known.clear()
      await subscribed.end()
    },
    stats: () => ({ ...counts, ...known.size, underway: questions.size }),
  }
}
