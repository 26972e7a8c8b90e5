import type { Awaitable } from './awaitable.ts'
import type { Tenant } from './tenant.ts'

/** What names a tenant: exactly one of its unique fields. A domain is lower-case, without port and trailing dot. */
export interface TenantKey {
  readonly kind: 'id' | 'slug' | 'domain'
  readonly value: string
}

/** A key as text, for messages: `slug acme`. */
export function describeKey(key: TenantKey): string {
  return `${key.kind} ${key.value}`
}

/**
 * Where tenants are looked up: the port that registries fill in.
 *
 * Every status is returned; whether a tenant may be served is decided by the core. Tenants are frozen snapshots.
 * A registry that cannot answer throws; it never answers `undefined` for that.
 */
export interface TenantRegistry {
  /** The tenant of this key, or `undefined` when there is none. Ids are compared exactly, slugs and domains lower-case. */
  find(key: TenantKey): Awaitable<Tenant | undefined>
  /** The tenant with `isDefault`, or `undefined`. */
  findDefault(): Awaitable<Tenant | undefined>
  /** All tenants, of every status, each once, in the order of their ids. */
  list(): AsyncIterable<Tenant>
}
