import { isTenantId, TenancyError } from '@tenantry/core'
import type { ApiKeyRecord, ApiKeyStore } from './api-key-store.ts'

/** API keys in this process's memory: for tests, demos and keys that are known at start. */
export interface MemoryApiKeys extends ApiKeyStore {
  /** @throws {TenancyError} `ARGUMENT_INVALID` for a record that is malformed, or whose id or hash is there already. */
  add(record: ApiKeyRecord): void
  /** Refuses the key from now on. Idempotent; an id that no key has is none to refuse. */
  revoke(id: string): void
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
  const store: MemoryApiKeys = {
    find: (_, hash) => byHash.get(hash),
    add(record) {
      if (!isTenantId(record.tenantId)) throw bad('tenantId', 'must be the id of a tenant')
      if (!/^[0-9a-f]{64}$/.test(record.hash)) throw bad('hash', 'must be a SHA-256 in lower-case hexadecimal')
      if (byHash.has(record.hash)) throw bad('hash', 'must be that of a new key')
      if ([...byHash.values()].some(({ id }) => id === record.id)) throw bad('id', 'must be that of a new key')
      byHash.set(record.hash, Object.freeze({ ...record }))
    },
    revoke(id) {
      for (const record of [...byHash.values()]) {
        if (record.id === id && record.revokedAt === undefined)
          byHash.set(record.hash, Object.freeze({ ...record, revokedAt: Date.now() }))
      }
    },
  }
  for (const record of records) store.add(record)
  return store
}
