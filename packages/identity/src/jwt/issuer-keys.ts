import { TenancyError } from '@tenantry/core'
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import type { JwtKeys } from './jwt-options.ts'
import { remoteKeys } from './remote-keys.ts'

/** Finds the key that a token was signed with, among those that were configured and no others. */
export type KeyFinder = JWTVerifyGetKey

const longestOutage = 86_400_000

/**
 * @param bad - makes the error for keys that are not good.
 * @returns a finder that throws `CREDENTIALS_UNAVAILABLE` when the keys cannot be had: that is not the caller's fault.
 */
export function issuerKeys(
  keys: JwtKeys,
  algorithms: readonly string[],
  issuer: string,
  bad: (rule: string) => TenancyError,
): KeyFinder {
  if ('secret' in keys) {
    const bytes = new TextEncoder().encode(keys.secret.reveal())
    const least = Math.max(...algorithms.map(name => Number(name.slice(2)) / 8))
    if (bytes.length < least) throw bad(`must have a secret of at least ${least} bytes`)
    return async () => bytes
  }
  return blaming(issuer, 'jwks' in keys ? local(keys.jwks, bad) : remote(keys, bad))
}

function local(jwks: unknown, bad: (rule: string) => TenancyError): KeyFinder {
  return createLocalJWKSet(publicKeys(jwks, bad))
}

function publicKeys(jwks: unknown, bad: (rule: string) => Error): JSONWebKeySet {
  const members: unknown = (jwks as Partial<JSONWebKeySet> | null | undefined)?.keys
  if (!Array.isArray(members) || members.length === 0) throw bad('must be a key set with at least one key')
  // Whoever verifies needs no private key, and a place that has none cannot lose it (RFC 7518, section 6).
  if (members.some(key => typeof key !== 'object' || key === null || 'd' in key || 'k' in key))
    throw bad('must hold public keys and nothing else')
  return jwks as JSONWebKeySet
}

function remote(keys: Extract<JwtKeys, { url: string }>, bad: (rule: string) => TenancyError): KeyFinder {
  const url = URL.canParse(keys.url) ? new URL(keys.url) : undefined
  if (url === undefined || !(url.protocol === 'https:' || (url.protocol === 'http:' && keys.allowInsecure === true)))
    throw bad('must have an "https:" address; "http:" needs allowInsecure')
  const { outage = 3_600_000 } = keys
  if (!(Number.isInteger(outage) && outage >= 0 && outage <= longestOutage))
    throw bad(`must have an outage of a whole number of milliseconds from 0 to ${longestOutage}`)
  return remoteKeys({ url, outage, read: answer => publicKeys(answer, rule => new Error(rule)) })
}

/** Tells a token that names no key from a key set that cannot be had. */
function blaming(issuer: string, find: KeyFinder): KeyFinder {
  return async (header, token) => {
    try {
      return await find(header, token)
    } catch (error) {
      const isOfToken =
        error instanceof errors.JWKSNoMatchingKey ||
        error instanceof errors.JWKSMultipleMatchingKeys ||
        error instanceof errors.JOSENotSupported
      if (isOfToken) throw error
      // Without a cause: what `fetch` throws may quote an address with a password in it.
      throw new TenancyError('CREDENTIALS_UNAVAILABLE', {
        source: `The key set of ${issuer}`,
        reason: 'it cannot be fetched or used',
      })
    }
  }
}
