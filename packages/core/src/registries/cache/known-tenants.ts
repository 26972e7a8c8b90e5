import type { Tenant } from '../../tenant.ts'
import { type CacheKey, keyText } from './cache-key.ts'

/** What a process knows of tenants, for a while. Times are milliseconds of `performance.now()`. */
export interface KnownTenants {
  /** `null`: there is none. `undefined`: not known. */
  find(key: CacheKey, now: number): Tenant | null | undefined
  /** Keeps an answer that was asked for at `since`. */
  put(key: CacheKey, tenant: Tenant | undefined, since: number, now: number): void
  /** Somebody tells that the tenant has this version: what is older is forgotten, and not taken any more. */
  raise(id: string, version: number, now: number): void
  /** The same for an answer. Tells whether a lower version was known. */
  see(tenant: Tenant, now: number): boolean
  /**
   * Whether a higher version was seen: `old` when that was so before `since`, when the tenant was asked for, and `overtaken` when a
   * change was noticed behind it.
   */
  age(tenant: Tenant, since: number, now: number): 'current' | 'overtaken' | 'old'
  /** Forgets what these keys lead to. */
  forget(keys: readonly CacheKey[]): void
  /** Forgets everything but the versions. */
  clear(): void
  readonly size: { readonly tenants: number; readonly refusals: number }
}

/** Options of {@link knownTenants}. */
export interface KnownTenantsOptions {
  readonly ttl: number
  readonly negativeTtl: number
  readonly max: number
  /** Told when not all changes from before a time are known any more. */
  readonly onForgotten: (before: number) => void
}

/** A tenant, or only the highest version that was seen of it. */
interface Known {
  version: number
  /** When that version was seen last. */
  seen: number
  /** When a change was noticed last. */
  raised: number
  /** Only while it is active: others are kept as refusals. */
  tenant: Tenant | undefined
  slug: string
  expires: number
}

/** That a key led to a version of a tenant. Says nothing once there is another version. */
interface Link {
  readonly known: Known
  readonly version: number
  readonly expires: number
}

/** Nobody, or a tenant that is not active: both as short, and in one place, so that no time tells them apart (E13). */
interface Refusal {
  readonly tenant: Tenant | undefined
  readonly known: Known | undefined
  readonly version: number
  readonly expires: number
}

/** How long a version is held against older answers, in milliseconds. An answer that took longer is not believed. */
export const longestFlight = 60_000

/**
 * Bounded, and each map for itself, so that names that nobody has push out no tenant. What was put first goes first: with a time to
 * live of seconds, that is what was used least.
 *
 * A change of a tenant need not name its keys: they lead to a version, and that is gone.
 */
export function knownTenants({ ttl, negativeTtl, max, onForgotten }: KnownTenantsOptions): KnownTenants {
  const byId = new Map<string, Known>()
  const slugs = new Map<string, Known>()
  const links = { domain: new Map<string, Link>(), default: new Map<string, Link>() }
  const refusals = new Map<string, Refusal>()

  function keep<Value>(map: Map<string, Value>, name: string, value: Value): Value | undefined {
    map.delete(name)
    map.set(name, value)
    if (map.size <= max) return undefined
    const [oldest] = map
    if (oldest === undefined) return undefined
    map.delete(oldest[0])
    return oldest[1]
  }

  /** The record of a tenant, at the end of the line. */
  function touch(id: string, version: number, now: number): Known {
    const known = byId.get(id) ?? { version, seen: now, raised: 0, tenant: undefined, slug: '', expires: 0 }
    if (version > known.version || now - known.seen >= longestFlight) {
      known.version = version
      known.tenant = undefined
    }
    if (version >= known.version) known.seen = now
    const gone = keep(byId, id, known)
    if (gone !== undefined) {
      gone.tenant = undefined
      // What leads to it says nothing any more: nobody keeps its version up to date.
      gone.version = Number.POSITIVE_INFINITY
      if (gone.raised > 0) onForgotten(gone.raised)
    }
    return known
  }

  function linked(kind: 'domain' | 'default', value: string, now: number): Known | undefined {
    const link = links[kind].get(value)
    return link !== undefined && now < link.expires && link.version === link.known.version ? link.known : undefined
  }

  function knownAs({ kind, value }: CacheKey, now: number): Known | undefined {
    if (kind === 'id') return byId.get(value)
    if (kind !== 'slug') return linked(kind, value, now)
    const known = slugs.get(value)
    return known?.slug === value ? known : undefined
  }

  return {
    find(key, now) {
      const known = knownAs(key, now)
      if (known?.tenant !== undefined && now < known.expires) return known.tenant
      const refusal = refusals.get(keyText(key))
      if (refusal === undefined || now >= refusal.expires) return undefined
      if (refusal.known === undefined) return null
      return refusal.known.version === refusal.version ? refusal.tenant : undefined
    },
    put(key, tenant, since, now) {
      const known = tenant && touch(tenant.id, tenant.version, now)
      if (tenant === undefined || known === undefined || tenant.status !== 'active') {
        if (known !== undefined) known.tenant = undefined
        keep(refusals, keyText(key), { tenant, known, version: known?.version ?? 0, expires: since + negativeTtl })
        return
      }
      known.tenant = tenant
      known.slug = tenant.slug.toLowerCase()
      known.expires = since + ttl
      keep(slugs, known.slug, known)
      if (key.kind === 'domain' || key.kind === 'default') {
        keep(links[key.kind], key.value, { known, version: known.version, expires: known.expires })
      }
      refusals.delete(keyText(key))
    },
    raise(id, version, now) {
      touch(id, version, now).raised = now
    },
    see({ id, version }, now) {
      const before = byId.get(id)
      const isNews = before !== undefined && version > before.version
      if (isNews) before.raised = now
      touch(id, version, now)
      return isNews
    },
    age({ id, version }, since, now) {
      const known = byId.get(id)
      if (known === undefined || version >= known.version || now - known.seen >= longestFlight) return 'current'
      return known.raised >= since ? 'overtaken' : 'old'
    },
    forget(keys) {
      for (const key of keys) {
        refusals.delete(keyText(key))
        if (key.kind === 'slug') slugs.delete(key.value)
        else if (key.kind !== 'id') links[key.kind].delete(key.value)
      }
    },
    clear() {
      for (const known of byId.values()) known.tenant = undefined
      for (const map of [slugs, links.domain, links.default, refusals]) map.clear()
    },
    get size() {
      return { tenants: byId.size, refusals: refusals.size }
    },
  }
}
