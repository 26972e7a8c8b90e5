import { randomInt } from 'node:crypto'
import { type ApiKeyRecord, checkWholeNumbers, isTenantId, type Secret, secret, TenancyError } from '@tenantry/core'
import { hashApiKey } from './api-key-format.ts'

/** A new key, and what to keep of it. */
export interface IssuedApiKey {
  /** The key itself: show it once to whom it is for, and keep it nowhere. */
  readonly key: Secret
  readonly record: ApiKeyRecord
}

/** Options of {@link issueApiKey}. */
export interface IssueOptions {
  /** After how many milliseconds it ends. Default: never. */
  readonly lifetime?: number
  /** What it may be used for, as `principal.scopes` of the evidence says then. Default: it is not limited. */
  readonly scopes?: readonly string[]
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
// 32 of 62 characters are 190 bits.
const length = 32

/**
 * Makes a key for a tenant (I35). To rotate (I47), issue a second one and let the store replace the first by it: both are good until
 * the overlap is over.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for what is no tenant's id, no lifetime, or no scopes.
 * @example
 * const { key, record } = issueApiKey('acme_corp')
 * keys.add(record)
 * key.reveal() // 'acme_corp_sk_…'
 */
export function issueApiKey(tenantId: string, { lifetime, scopes }: IssueOptions = {}): IssuedApiKey {
  if (!isTenantId(tenantId))
    throw new TenancyError('ARGUMENT_INVALID', { field: 'tenantId', rule: 'must be the id of a tenant' })
  if (lifetime !== undefined) checkWholeNumbers({ lifetime })
  if (
    scopes !== undefined &&
    !(Array.isArray(scopes) && scopes.every(scope => typeof scope === 'string' && /^[\x21-\x7e]{1,128}$/.test(scope)))
  )
    throw new TenancyError('ARGUMENT_INVALID', { field: 'scopes', rule: 'must be names without spaces' })
  const random = Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')
  const key = `${tenantId}_sk_${random}`
  const createdAt = Date.now()
  return {
    key: secret(key),
    record: Object.freeze({
      id: crypto.randomUUID(),
      tenantId,
      hash: hashApiKey(key),
      ...(scopes === undefined ? {} : { scopes: Object.freeze([...scopes]) }),
      createdAt,
      ...(lifetime === undefined ? {} : { expiresAt: createdAt + lifetime }),
    }),
  }
}
