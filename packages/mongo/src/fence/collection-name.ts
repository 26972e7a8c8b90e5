import { invalid, refuse } from './refuse.ts'

/** Collections of Tenantry itself; handles do not reach them. */
export const reservedPrefix = 'tenantry.'

// A namespace has at most 255 bytes, and 64 of them are the database's and the dot's.
const longest = 191

/**
 * The name of a collection in the tenant's own database.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for what is no name, `STATEMENT_REFUSED` for one that is the server's or Tenantry's own.
 * @see https://www.mongodb.com/docs/manual/reference/limits/#mongodb-limit-Restriction-on-Collection-Names
 */
export function checkCollectionName(name: unknown): string {
  if (typeof name !== 'string' || name === '') return invalid('collection', 'must be text that is not empty')
  if (Buffer.byteLength(name) > longest) return invalid('collection', `must be at most ${longest} bytes`)
  if (/[$\0]/.test(name))
    return refuse(`The collection "${name}"`, 'it has a $ or a NUL in its name', 'Name it otherwise.')
  if (/^\.|\.$|\.\./.test(name))
    return refuse(`The collection "${name}"`, 'a part of its name is empty', 'Name it otherwise.')
  if (isReserved(name))
    return refuse(`The collection "${name}"`, 'it is not one of the tenant’s', 'Name another collection.')
  return name
}

/** Whether a collection is the server's or Tenantry's own. */
export function isReserved(name: string): boolean {
  return name.startsWith('system.') || name.startsWith(reservedPrefix)
}
