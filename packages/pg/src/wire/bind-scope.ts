import { serialize } from 'pg-protocol'

interface Bound {
  readonly statement: string
  readonly message: Buffer
}

const known = new WeakMap<readonly string[], Bound>()

/**
 * The message that binds the values of a scope's settings to the prepared statement that sets them. It is the same for each statement
 * of a tenant where the values are frozen and connections have prepared it under one name, as they mostly have.
 */
export function bindScope(statement: string, values: readonly string[]): Buffer {
  const before = known.get(values)
  if (before?.statement === statement) return before.message
  const message = serialize.bind({ statement, values: [...values] })
  if (Object.isFrozen(values)) known.set(values, { statement, message })
  return message
}
