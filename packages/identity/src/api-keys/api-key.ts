import { timingSafeEqual } from 'node:crypto'
import type { ApiKeyRecord, ApiKeyStore, Resolver } from '@tenantry/core'
import { credentialOf, invalid } from '../credential-header.ts'
import { parseApiKey } from './api-key-format.ts'

/** Options of {@link apiKey}. */
export interface ApiKeyOptions {
  /** Default `x-api-key` (I06). In `authorization` the key stands after `Bearer`. */
  readonly header?: string
  readonly keys: ApiKeyStore
}

/**
 * The tenant whose API key the request carries: `{tenant id}_sk_…`. The id in the key says where to look; the hash of the whole
 * key proves it, and the record must be of the same tenant (C09).
 *
 * Its resolver throws `CREDENTIAL_INVALID` for every key that is malformed, unknown, expired, revoked or of another tenant, one error for
 * all and after the same work; `REQUEST_INVALID` for a header that stands twice; and whatever the store throws.
 *
 * @example
 * const keys = memoryApiKeys()
 * createTenancy({ registry, resolvers: [apiKey({ keys })] })
 */
export function apiKey({ header = 'x-api-key', keys }: ApiKeyOptions): Resolver {
  const name = 'api key'
  return {
    name,
    async resolve(request) {
      const given = credentialOf(request, header.toLowerCase(), name)
      if (given === undefined) return undefined
      const parsed = parseApiKey(given)
      if (parsed === undefined) throw invalid(name)
      const record = await keys.find(parsed.tenantId, parsed.hash)
      // All is looked at before anything is decided: the time tells not which of them it was (E13).
      const checks = [
        record !== null && record !== undefined,
        isEqual(record?.hash ?? nobody.hash, parsed.hash),
        (record ?? nobody).tenantId === parsed.tenantId,
        isInForce(record ?? nobody, Date.now()),
      ]
      if (checks.includes(false)) throw invalid(name)
      const principal = { credential: record?.id, scopes: scopesOf(record?.scopes) }
      return { key: { kind: 'id', value: parsed.tenantId }, trust: 'verified', principal }
    },
  }
}

/** Compared with where no record was found. No hash of a key has only zeros. */
const nobody: ApiKeyRecord = { id: '', tenantId: '', hash: '0'.repeat(64), createdAt: 0, revokedAt: 0 }

function isEqual(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one, 'hex'), Buffer.from(other, 'hex')]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** What is kept and cannot be read permits nothing. */
function scopesOf(scopes: unknown): readonly string[] | undefined {
  if (scopes === undefined || scopes === null) return undefined
  return Array.isArray(scopes) && scopes.every(scope => typeof scope === 'string') ? scopes : []
}

/** A time that is no number is no permission: whatever cannot be compared is over. */
function isInForce({ expiresAt, revokedAt }: ApiKeyRecord, now: number): boolean {
  const isGood = revokedAt === undefined || revokedAt === null
  return isGood && (expiresAt === undefined || expiresAt === null || (typeof expiresAt === 'number' && now < expiresAt))
}
