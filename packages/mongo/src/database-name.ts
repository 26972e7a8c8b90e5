import { digestLength, TenancyError, type Tenant, tenantDigest } from '@tenantry/core'

/**
 * Names that may be given: fewer than 64 bytes, and none of the characters that some server or system refuses
 * (`/\. "$*<>:|?`, NUL).
 *
 * @see https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
 */
const allowed = /^[A-Za-z0-9_-]{1,63}$/

/** Databases of the server itself. */
const reserved = new Set(['admin', 'local', 'config'])

/** The longest prefix that leaves room for the digest. */
const longestPrefix = 63 - digestLength

/** @throws {TenancyError} `ARGUMENT_INVALID` for a prefix that would make bad names. Lower-case, so that no two names differ by case only. */
export function checkPrefix(prefix: unknown): string {
  if (typeof prefix === 'string' && prefix.length <= longestPrefix && /^[a-z][a-z0-9_-]*$/.test(prefix)) return prefix
  const rule = `must begin with a letter and have at most ${longestPrefix} of a–z, 0–9, _ and -`
  throw new TenancyError('ARGUMENT_INVALID', { field: 'keyPrefix', rule })
}

/**
 * The name of a tenant's database: the one that is given, `placement.mongo_database`, or the prefix and a digest of the id.
 *
 * @throws {TenancyError} `PLACEMENT_INVALID` for a name that no database may have, and without any where one must be given.
 */
export function databaseName(tenant: Tenant, given: string | undefined, prefix: string | undefined): string {
  const name = given ?? tenant.placement.mongo_database
  if (name === undefined) {
    if (prefix !== undefined) return `${prefix}${tenantDigest(tenant.id)}`
    return refuse(tenant, 'mongo_database is required: the name of a database is not read from its URI')
  }
  if (typeof name !== 'string' || !allowed.test(name))
    return refuse(tenant, 'mongo_database must be 1–63 of A–Z, a–z, 0–9, _ and -')
  if (reserved.has(name.toLowerCase())) return refuse(tenant, 'mongo_database is one of the server’s own')
  return name
}

/** What two names have in common that differ by case only: a server may not tell them apart (M3). */
export function foldedName(name: string): string {
  return name.toLowerCase()
}

function refuse({ id }: Tenant, problem: string): never {
  throw new TenancyError('PLACEMENT_INVALID', { tenant: id, problem })
}
