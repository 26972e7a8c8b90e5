import type { TenantKey } from '../../registry.ts'

/** What a cache is asked for: a key, or the default tenant, whose value is empty. */
export type CacheKey = TenantKey | { readonly kind: 'default'; readonly value: '' }

export const defaultKey: CacheKey = Object.freeze({ kind: 'default', value: '' })

// A host name (RFC 1035 section 2.3.4); slugs and ids are shorter.
const longest = 253

/** Whether it could name a tenant at all. What is longer is not worth any memory. */
export function isCacheable({ value }: TenantKey): boolean {
  return value.length <= longest
}

/** The one form of a key: ids are compared exactly, slugs and domains without regard to case. */
export function canonicalKey(key: TenantKey): TenantKey {
  if (key.kind === 'id') return key
  const value = key.value.toLowerCase()
  return value === key.value ? key : { kind: key.kind, value }
}

/** A key that keeps nothing else in memory: V8 makes a piece of a long text by pointing into it, such as a path of 16 KB. */
export function ownKey<Key extends CacheKey>(key: Key): Key {
  return { ...key, value: Buffer.from(key.value).toString() }
}

export function keyText({ kind, value }: CacheKey): string {
  return `${kind} ${value}`
}
