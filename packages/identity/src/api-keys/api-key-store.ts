import type { Awaitable } from '@tenantry/core'

/** What is kept of an API key: everything but the key. */
export interface ApiKeyRecord {
  /** Names the key to people, in logs and to revoke it. Not secret. */
  readonly id: string
  /** The tenant that the key speaks for. Must be the one in the key itself (C09). */
  readonly tenantId: string
  /** SHA-256 of the whole key, in 64 hexadecimal digits. */
  readonly hash: string
  /** Milliseconds since 1970, as the others. */
  readonly createdAt: number
  /** From when on it is refused. Absent: never. */
  readonly expiresAt?: number | undefined
  /** Since when it is refused. Absent: it is good. */
  readonly revokedAt?: number | undefined
}

/** Where API keys are kept: the port that an application fills in. A tenant may have any number of good keys, to rotate them. */
export interface ApiKeyStore {
  /**
   * The record with this hash, whether it is good or not; it is checked afterwards. Found by a unique index on the hash.
   *
   * @param tenantId - from the key, which nobody has authenticated: a hint for a store that is split by tenant.
   * @param hash - as {@link ApiKeyRecord.hash}.
   * @returns `undefined`, or `null`, when there is none.
   */
  find(tenantId: string, hash: string): Awaitable<ApiKeyRecord | null | undefined>
}
