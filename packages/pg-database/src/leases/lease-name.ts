import { randomBytes } from 'node:crypto'
import { digestLength, TenancyError, tenantDigest } from '@tenantry/core'

const letters = 'abcdefghijklmnopqrstuvwxyz234567'
const randomLength = 12
/** What of the 63 bytes of a name is left for the prefix. */
const longestPrefix = 63 - digestLength - 1 - randomLength

/**
 * Checks what the names of logins begin with: lower-case ASCII that needs no quotes, short enough that no name is cut.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`
 */
export function checkLeasePrefix(prefix: unknown): void {
  const plain = typeof prefix === 'string' && /^[a-z_][a-z0-9_]*$/.test(prefix)
  if (plain && prefix.length <= longestPrefix && !prefix.startsWith('pg_')) return
  const rule = `must be lower-case letters, digits and "_", at most ${longestPrefix} characters, and not begin with a digit or "pg_"`
  throw new TenancyError('ARGUMENT_INVALID', { field: 'prefix', rule })
}

/** A new name for a login of a tenant, that no other has or will have: 60 random bits. */
export function leaseName(prefix: string, tenant: string): string {
  let random = ''
  for (const byte of randomBytes(randomLength)) random += letters[byte & 31]
  return `${prefix}${tenantDigest(tenant)}_${random}`
}
