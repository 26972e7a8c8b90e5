import { TenancyError } from '@tenantry/core'
import type pg from 'pg'
import { noSessionUse, sessionUse } from './session-trace.ts'
import type { Statement } from './statement.ts'
import { statementKind } from './statement-kind.ts'

/** A callback as `pg` takes it. */
export type QueryCallback = (error: Error | undefined, result?: pg.QueryResult) => void

/** The arguments of `query`, in whichever of pg's forms they came. */
export interface QueryArguments {
  readonly config: string | RawConfig
  readonly values: unknown
  readonly callback: QueryCallback | undefined
}

/** A query config of `pg`, with what its types leave out. */
interface RawConfig extends Partial<pg.QueryArrayConfig> {
  readonly binary?: boolean
  readonly query_timeout?: number
  readonly callback?: QueryCallback
}

/** Sorts out pg's forms: `(text)`, `(text, values)`, `(config)`, `(config, values)`, each with an optional callback. */
export function readArguments(args: readonly unknown[]): QueryArguments {
  const [config, values, callback] = args
  const last = (typeof values === 'function' ? values : callback) ?? (config as RawConfig | undefined)?.callback
  if (last !== undefined && typeof last !== 'function') {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'query callback', rule: 'must be a function' })
  }
  return {
    config: config as string | RawConfig,
    values: typeof values === 'function' ? undefined : values,
    callback: last as QueryCallback | undefined,
  }
}

/** Whether this is a query object with a protocol of its own: a cursor, a stream, COPY. */
export function isSubmittable(config: unknown): config is pg.Submittable {
  return typeof config === 'object' && config !== null && 'submit' in config && typeof config.submit === 'function'
}

/**
 * A statement that can be scoped.
 *
 * @throws {TenancyError} `STATEMENT_REFUSED`, `ARGUMENT_INVALID`
 */
export function readStatement({ config, values }: QueryArguments): Statement {
  const given: RawConfig = typeof config === 'string' ? { text: config } : (config ?? {})
  const { text, name, rowMode, types, binary, query_timeout: queryTimeout } = given
  if (typeof text !== 'string') {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'query text', rule: 'must be text, also for a named query' })
  }
  // The server would read a statement up to the NUL, and we all of it.
  if (text.includes('\0')) {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'query text', rule: 'must not hold a NUL character' })
  }
  if (name !== undefined && name !== null && typeof name !== 'string') {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'query name', rule: 'must be text' })
  }
  const all: unknown = values ?? given.values
  if (all !== undefined && all !== null && !Array.isArray(all)) {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'query values', rule: 'must be an array' })
  }
  const kind = statementKind(text)
  if (kind.kind === 'refused') {
    const { statement, reason, advice } = kind
    throw new TenancyError('STATEMENT_REFUSED', { statement, reason, advice })
  }
  return {
    kind: kind.kind,
    uses: kind.kind === 'ordinary' ? sessionUse(text) : noSessionUse,
    text,
    values: Array.isArray(all) ? all : undefined,
    name: name || undefined,
    rowMode,
    types,
    binary,
    queryTimeout,
  }
}
