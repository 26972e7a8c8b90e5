import { TenancyError, type Tenant } from '@tenantry/core'
import pg from 'pg'
import { quoteIdentifier } from '../identifier.ts'

/**
 * What scopes a statement to a tenant: settings that hold for one transaction. The server forgets them with the transaction,
 * whatever happens to it, so nothing is left on the connection.
 */
export interface Scope {
  /** Names of the settings, such as `tenantry.tenant_id`. At least one. */
  readonly settings: readonly string[]
  /**
   * Their values for a tenant, in the same order, one for each. Called for every statement; an array that is frozen and comes again
   * saves work. That of `search_path` is names that need no quotes, with commas between them.
   */
  values(tenant: Tenant): readonly string[]
  /**
   * An SQL condition that must hold once the settings are set, or the statement is not run, such as whether the tenant's schema
   * is there. Default none.
   */
  readonly condition?: string
  /** What keeps a tenant that is suspended out. The caller gets `TENANT_SUSPENDED`. Default nothing. */
  readonly fence?: Fence
  /**
   * What the caller gets when the server refuses the scope, so that the statement was not run: the condition does not hold
   * (SQLSTATE 22023), or a setting cannot be set. `undefined` leaves the error as it is, which is the default.
   */
  refusal?(tenant: Tenant, error: pg.DatabaseError): Error | undefined
  /**
   * Whether the same text means something else for every tenant, as it does with a schema each. Statements with a name are then
   * prepared for each tenant apart, which saves planning them anew whenever the tenant changes. Default `false`.
   */
  readonly preparePerTenant?: boolean
  /** Default none: whoever can run SQL of their own can set the settings. */
  readonly seal?: Seal
}

/** SQL conditions over the values of the settings, which are `$1` and so on. */
export interface Fence {
  /**
   * Must hold before the settings are set, or the statement is not run. It takes the lock of {@link holdFence}, and sees what was
   * committed by whoever had it.
   */
  readonly admits: string
  /** Asked where the scope's condition does not hold: whether the fence is why. Default: it never is. */
  readonly raised?: string
}

/**
 * Proves to the server that a scope was made by the application: SQL that is injected can set a setting, but not make the proof.
 * The proof travels in a setting of its own, beside the tenant.
 */
export interface Seal {
  /** The setting that carries the proof, such as `tenantry.seal`. */
  readonly setting: string
  /**
   * What a proof holds for, and so how often the question must be asked: once in a while for a `connection`, or anew in each
   * `transaction`, with its BEGIN. The latter costs a single statement another round trip, because it gets a transaction.
   */
  readonly per: 'connection' | 'transaction'
  /** A `select` of one row with one text, which the server answers about itself: who and when it is. */
  readonly question: string
  /**
   * The proof for a tenant. Must not wait.
   *
   * @param answer - the server's answer to the question.
   * @param age - milliseconds since the question was asked.
   */
  prove(tenant: Tenant, answer: string, age: number): string
}

/** A scope as SQL. */
export interface ScopeSql {
  /**
   * To be prepared once and executed in front of every statement, with the values as parameters. It sets, and answers with no
   * row, which saves a message: `set_config` returns the value, and that is never null.
   */
  readonly prefix: string
  /** Under which the prefix is prepared. Its text is in it: several scopes may stand over one pool. */
  readonly key: string
  /**
   * The same as utility statements, which take no snapshot: for after `BEGIN`, so that `SET TRANSACTION ISOLATION LEVEL` still
   * works there (after a `select` the server refuses it with 25001).
   */
  utilities(values: readonly string[]): readonly string[]
}

// Settings whose value is a list of names. SET takes a text for one name, commas and all; set_config takes the list.
const lists = new Set(['search_path'])

// Fails with 22023. A condition of its own must not be planned away, and `set_config` is volatile.
const fail = `pg_catalog.set_config('role', 'The tenant scope does not hold', true) is null`

/** SQLSTATE of {@link fenced}: invalid_text_representation, which nothing else in a prefix can have. */
export const fencedState = '22P02'

// Not a constant that would be cast when the statement is planned.
const fenced = `pg_catalog.set_config('tenantry.fence', 'raised', true)::pg_catalog.int4 is null`

/** For a connection that belongs to one tenant. */
export const noScope: ScopeSql = { prefix: '', key: '', utilities: () => [] }

/** @throws {TenancyError} `ARGUMENT_INVALID` for a scope without settings: it would scope nothing. `IDENTIFIER_INVALID` */
export function scopeSql(settings: readonly string[], condition?: string, fence?: Fence): ScopeSql {
  if (settings.length === 0)
    throw new TenancyError('ARGUMENT_INVALID', { field: 'scope.settings', rule: 'must not be empty' })
  const quoted = settings.map(name => name.split('.').map(quoteIdentifier).join('.'))
  const calls = settings.map((name, at) => `pg_catalog.set_config(${pg.escapeLiteral(name)}, $${at + 1}, true) is null`)
  // In front: what the fence has locked, nothing that follows can lose.
  if (fence !== undefined) calls.unshift(`case when ${fence.admits} then false else ${fenced} end`)
  const raised = fence?.raised === undefined ? '' : ` when ${fence.raised} then ${fenced}`
  if (condition !== undefined) calls.push(`case when ${condition} then false${raised} else ${fail} end`)
  // Every setting must be set, so no call may be skipped: `or` stops at the first one that is true, and none ever is.
  const prefix = `select where ${calls.join(' or ')}`
  return {
    prefix,
    key: `scope ${prefix}`,
    utilities: values =>
      quoted.map((name, at) => {
        const value = values[at] ?? ''
        const parts = lists.has(settings[at] ?? '') ? value.split(',') : [value]
        return `set local ${name} = ${parts.map(part => pg.escapeLiteral(part.trim())).join(', ')}`
      }),
  }
}
