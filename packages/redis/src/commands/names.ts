import { TenancyError } from '@tenantry/core'
import type { Keyspace } from '../keyspace.ts'
import type { Argument } from './key-spec.ts'
import { refusal } from './refusal.ts'

/**
 * How a caller names keys, channels and patterns. `logical`: without the prefix, which is put in front. `physical`: with it, as
 * libraries must that make keys of their own in scripts; a name without it is refused.
 */
export type KeyNaming = 'logical' | 'physical'

/** The names of one tenant, to and from the server. */
export interface Names {
  readonly tenant: string
  /** Matches all names of the tenant. */
  readonly all: string
  /** @throws {TenancyError} `STATEMENT_REFUSED` for a name outside the tenant's key space. */
  wrap(name: Argument, command: string): Argument
  /** @throws {TenancyError} `REPLY_FOREIGN` for a name that is not the tenant's. */
  unwrap(name: unknown, command: string): unknown
  /** A value that says whose it is (C9), whatever the naming of keys. */
  seal(value: Argument): Argument
  /** @throws {TenancyError} `REPLY_FOREIGN` for a value that does not say that it is the tenant's. */
  open(value: unknown, command: string): unknown
}

export function namesOf(space: Keyspace, naming: KeyNaming): Names {
  const { tenant, prefix } = space
  function own(name: unknown, command: string): Argument {
    const inside = typeof name === 'string' || name instanceof Buffer ? space.unwrap(name) : undefined
    if (inside === undefined) throw new TenancyError('REPLY_FOREIGN', { tenant, command: command.toUpperCase() })
    return inside
  }
  const common = { tenant, all: `${prefix}*`, seal: space.wrap, open: own }
  if (naming === 'logical') return { ...common, wrap: space.wrap, unwrap: own }
  return {
    ...common,
    wrap(name, command) {
      if (space.unwrap(name) !== undefined) return name
      const reason = 'it names a key, channel or pattern outside the key space of the tenant'
      throw refusal(command, reason, `On this connection, names begin with the prefix of the tenant's key space.`)
    },
    unwrap(name, command) {
      own(name, command)
      return name
    },
  }
}
