import { randomInt } from 'node:crypto'
import { checkWholeNumbers, isTenantId, type Secret, secret, TenancyError } from '@tenantry/core'
import { hashApiKey } from './api-key-format.ts'
import type { ApiKeyRecord } from './api-key-store.ts'

/** A new key, and what to keep of it. */
export interface IssuedApiKey {
  /** The key itself: show it once to whom it is for, and keep it nowhere. */
  readonly key: Secret
  readonly record: ApiKeyRecord
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
// 32 of 62 characters are 190 bits.
const length = 32

/**
 * Makes a key for a tenant (I35). To rotate: issue a second one, let the callers change over, revoke the first (I47).
 *
 * @param lifetime - after how many milliseconds it ends. Default: never.
 * @throws {TenancyError} `ARGUMENT_INVALID` for what is no tenant's id, or no lifetime.
 * @example
 * const { key, record } = issueApiKey('acme_corp')
 * keys.add(record)
 * key.reveal() // 'acme_corp_sk_…'
 */
export function issueApiKey(tenantId: string, { lifetime }: { readonly lifetime?: number } = {}): IssuedApiKey {
  if (!isTenantId(tenantId))
    throw new TenancyError('ARGUMENT_INVALID', { field: 'tenantId', rule: 'must be the id of a tenant' })
  if (lifetime !== undefined) checkWholeNumbers({ lifetime })
  const random = Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')
  const key = `${tenantId}_sk_${random}`
  const createdAt = Date.now()
  return {
    key: secret(key),
    record: Object.freeze({
      id: crypto.randomUUID(),
      tenantId,
      hash: hashApiKey(key),
      createdAt,
      ...(lifetime === undefined ? {} : { expiresAt: createdAt + lifetime }),
    }),
  }
}
