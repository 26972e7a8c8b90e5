import type { Awaitable } from './awaitable.ts'

/** What is kept of an API key: everything but the key. */
export interface ApiKeyRecord {
  /** Names the key to people, in logs and to revoke it. Not secret. */
  readonly id: string
  /** The tenant that the key speaks for. Must be the one in the key itself (C09). */
  readonly tenantId: string
  /** SHA-256 of the whole key, in 64 hexadecimal digits. */
  readonly hash: string
  /** What the key may be used for; the application says what that means. Absent: it is not limited; empty: for nothing. */
  readonly scopes?: readonly string[] | undefined
  /** Milliseconds since 1970, as the others. */
  readonly createdAt: number
  /** From when on it is refused. Absent: never. */
  readonly expiresAt?: number | undefined
  /** Since when it is refused. Absent: it is good. */
  readonly revokedAt?: number | undefined
  /** When it was used last, as far as that was written down. Never decides anything. */
  readonly lastUsedAt?: number | undefined
}

/** That a key was used. */
export interface ApiKeyUse {
  /** The id of its record. */
  readonly id: string
  /** Milliseconds since 1970. */
  readonly at: number
}

/**
 * Where API keys are kept: the port that an application fills in; `memoryApiKeys` and `postgresApiKeys` of `@tenantry/pg/registry` do. A tenant
 * may have any number of good keys, to rotate them.
 */
export interface ApiKeyStore {
  /**
   * The record with this hash, whether it is good or not; it is checked afterwards. Found by a unique index on the hash.
   *
   * @param tenantId - from the key, which nobody has authenticated: a hint for a store that is split by tenant.
   * @param hash - as {@link ApiKeyRecord.hash}.
   * @returns `undefined`, or `null`, when there is none.
   */
  find(tenantId: string, hash: string): Awaitable<ApiKeyRecord | null | undefined>
  /** Notes when keys were used last; never an earlier time than is there. Called by `cachedApiKeys`, now and then. */
  noteUses?(uses: readonly ApiKeyUse[]): Awaitable<void>
}
