import { TenancyError } from '@tenantry/core'
import { BSON } from 'mongodb'

/** How a value becomes BSON. */
export interface BsonWays {
  /** Whether fields that are `undefined` are left out. The driver's default, and ours, sends them as `null`. */
  readonly ignoreUndefined?: boolean
  /** Whether numbers come back as JavaScript's, where it matters to the driver and not to the server. */
  readonly promote?: boolean
}

/**
 * What the server will read of a value, as plain documents, arrays and BSON types.
 *
 * It is written as BSON once and read back. Getters, `toBSON`, proxies, `Map`s, fields of a prototype and fields beside the
 * elements of an array have had their say then; what is checked is what is sent.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for what the driver could not send either, such as a circle.
 */
export function canonical(value: unknown, { ignoreUndefined = false, promote = false }: BsonWays = {}): unknown {
  if (value === undefined) return undefined
  const plain = plainCopy(value)
  if (plain !== undefined) return plain
  const options = { promoteValues: promote, promoteLongs: promote, promoteBuffers: false, bsonRegExp: true }
  return BSON.deserialize(bytesOf(value, ignoreUndefined), options).value
}

/**
 * A copy of a document of texts, numbers, booleans and nulls, as most filters are; `undefined` for all others. What is copied was read
 * once, and nothing of it can act.
 */
function plainCopy(value: unknown): Record<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return undefined
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    const inner: unknown = (value as Record<string, unknown>)[key]
    const isPlain =
      inner === null || typeof inner === 'string' || typeof inner === 'number' || typeof inner === 'boolean'
    if (!isPlain || key === '__proto__' || key === '_bsontype') return undefined
    copy[key] = inner
  }
  return copy
}

function bytesOf(value: unknown, ignoreUndefined: boolean): Uint8Array {
  try {
    // Functions become code, so that the fence sees them; the driver would leave them out, and `{ $where: f }` would match all.
    return BSON.serialize({ value }, { ignoreUndefined, serializeFunctions: true, checkKeys: false })
  } catch (cause) {
    if (!(cause instanceof BSON.BSONError)) throw cause
    throw new TenancyError(
      'ARGUMENT_INVALID',
      { field: 'value', rule: `must be what BSON can hold (${cause.message})` },
      { cause },
    )
  }
}

/** A document or an array of the canonical form, and not a value such as an ObjectId. */
export function isDocument(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    bsonType(value) === undefined &&
    !(value instanceof Date)
  )
}

/** The name of a BSON type, or `undefined` for documents and arrays. */
export function bsonType(value: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value)
  // An own field of that name is data, and no type.
  if (prototype === Object.prototype || prototype === null || Array.isArray(value)) return undefined
  return (value as { _bsontype?: string })._bsontype
}
