import {
  type ApiKeyRecord,
  type ApiKeyStore,
  type ApiKeyUse,
  checkWholeNumbers,
  isTenantId,
  TenancyError,
} from '@tenantry/core'

/** API keys in this process's memory: for tests, demos and keys that are known at start. */
export interface MemoryApiKeys extends ApiKeyStore {
  /** @throws {TenancyError} `ARGUMENT_INVALID` for a record that is malformed, or whose id or hash is there already. */
  add(record: ApiKeyRecord): void
  /** Refuses the key from now on. Idempotent; an id that no key has is none to refuse. */
  revoke(id: string): void
  /**
   * Puts another key in the place of one, which is good for `overlap` milliseconds more, or until it would have ended.
   *
   * @throws {TenancyError} `ARGUMENT_INVALID` as {@link MemoryApiKeys.add}, for a key of another tenant, and for one that is not there or is
   * revoked.
   */
  replace(id: string, next: ApiKeyRecord, options: { readonly overlap: number }): void
  noteUses(uses: readonly ApiKeyUse[]): void
}

/**
 * An {@link ApiKeyStore} over a list in memory.
 *
 * @throws {TenancyError} as {@link MemoryApiKeys.add}
 * @example
 * const keys = memoryApiKeys([issueApiKey('acme_corp').record])
 */
export function memoryApiKeys(records: readonly ApiKeyRecord[] = []): MemoryApiKeys {
  const byHash = new Map<string, ApiKeyRecord>()

  function bad(field: string, rule: string): TenancyError {
    return new TenancyError('ARGUMENT_INVALID', { field: `record.${field}`, rule })
  }
  const withId = (id: string) => [...byHash.values()].find(record => record.id === id)
  const put = (record: ApiKeyRecord) => void byHash.set(record.hash, Object.freeze({ ...record }))
  const store: MemoryApiKeys = {
    find: (_, hash) => byHash.get(hash),
    add(record) {
      if (!isTenantId(record.tenantId)) throw bad('tenantId', 'must be the id of a tenant')
      if (!/^[0-9a-f]{64}$/.test(record.hash)) throw bad('hash', 'must be a SHA-256 in lower-case hexadecimal')
      if (byHash.has(record.hash)) throw bad('hash', 'must be that of a new key')
      if (withId(record.id) !== undefined) throw bad('id', 'must be that of a new key')
      put(record)
    },
    revoke(id) {
      const record = withId(id)
      if (record !== undefined && record.revokedAt === undefined) put({ ...record, revokedAt: Date.now() })
    },
    replace(id, next, { overlap }) {
      checkWholeNumbers({ overlap }, 0)
      const record = withId(id)
      if (record === undefined || record.revokedAt !== undefined || record.tenantId !== next.tenantId)
        throw new TenancyError('ARGUMENT_INVALID', { field: 'id', rule: 'must be that of a good key of this tenant' })
      store.add(next)
      put({ ...record, expiresAt: Math.min(record.expiresAt ?? Number.POSITIVE_INFINITY, Date.now() + overlap) })
    },
    noteUses(uses) {
      for (const { id, at } of uses) {
        const record = withId(id)
        if (record !== undefined && at > (record.lastUsedAt ?? 0)) put({ ...record, lastUsedAt: at })
      }
    },
  }
  for (const record of records) store.add(record)
  return store
}
