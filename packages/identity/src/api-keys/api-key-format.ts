import { createHash } from 'node:crypto'
import { isTenantId } from '@tenantry/core'

/** An API key taken apart: `{tenant id}_sk_{secret}` (I05). */
export interface ParsedApiKey {
  /** Says where to look, and nothing else: anybody can write it. */
  readonly tenantId: string
  /** SHA-256 of the whole key, so that the same secret behind another id is another key. */
  readonly hash: string
}

/**
 * Takes a key apart. There is one way only: a secret has no `_` in it, and an id no `_sk_`.
 *
 * At least 22 of 62 characters are 131 bits. What is that random cannot be guessed from its SHA-256, so that a slow hash would
 * cost every request and gain nothing (OWASP, Password Storage: slow hashes are for what people choose).
 *
 * @returns `undefined` for what is not a key.
 */
export function parseApiKey(key: string): ParsedApiKey | undefined {
  const [, tenantId] = /^([\w-]{1,64})_sk_[A-Za-z0-9]{22,128}$/.exec(key) ?? []
  if (!isTenantId(tenantId)) return undefined
  return { tenantId, hash: hashApiKey(key) }
}

/** The hash by which a store finds a key. */
export function hashApiKey(key: string): string {
  return createHash('sha256').update(key, 'utf8').digest('hex')
}
