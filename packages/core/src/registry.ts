import type { Awaitable } from './awaitable.ts'
import { TenancyError } from './errors.ts'
import type { Tenant } from './tenant.ts'
import { snapshotOf } from './tenant-snapshot.ts'

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
  /** All tenants, of every status, each once, in the order of their ids. Asked for several at once by `forEach`. */
  list(): AsyncIterable<Tenant>
}

/**
 * Asks a registry, and does not believe an answer to another question: a cache with a wrong key would send a request to
 * another tenant.
 *
 * @param hidden - of which answers no copy is made, because nobody is to see them: the time that it takes would tell that there
 * is such a tenant.
 * @throws {TenancyError} `CONFIG_INVALID` when the answer has another id or slug; what the registry throws.
 */
export async function findTenant(
  registry: TenantRegistry,
  key: TenantKey,
  hidden: (answer: Tenant) => boolean = () => false,
): Promise<Tenant | undefined> {
  const answer: Tenant | null | undefined = await registry.find(key)
  if (answer === undefined || answer === null) return undefined
  const tenant = hidden(answer) ? answer : snapshotOf(answer)
  const named = key.kind === 'domain' ? key.value : String(tenant[key.kind])
  if (named !== key.value && (key.kind === 'id' || named.toLowerCase() !== key.value.toLowerCase())) {
    const problems = [`asked for ${describeKey(key)}, it answered with ${key.kind} ${named}`]
    throw new TenancyError('CONFIG_INVALID', { source: 'The tenant registry', problems })
  }
  return tenant
}
