import { TenancyError } from '@tenantry/core'
import type pg from 'pg'
import { isServerError } from '../database-error.ts'
import { inTransaction } from '../in-transaction.ts'
import type { Query } from '../query.ts'
import { cancelStatement } from '../wire/cancel-statement.ts'
import { fenceKey, holdersOf } from './fence-lock.ts'

/** Whose fence it is, and how long who is inside may stay. */
export interface FenceTerms {
  readonly tenant: string
  /** For errors, such as `pg-rls`. */
  readonly isolation: string
  /** What names the tenant in {@link fenceKey}. */
  readonly name: string
  /** Milliseconds; then their sessions are ended. */
  readonly deadline: number
}

/** Milliseconds behind the deadline in which sessions that are ended must be gone. */
const patience = 5_000

/** Milliseconds between two looks for those who are still inside. */
const lookEvery = 25

/**
 * Waits until no transaction of a tenant is under way, keeps new ones out meanwhile, and does something before any can begin again: all
 * of it in one transaction.
 *
 * Whose time is over is ended, with the connection. The server knows a connection to be ended by its process only, which may have
 * changed hands just then: so only who was inside a while ago in the same transaction is ended, and short work ends by itself.
 *
 * @param pool - of at least two connections, directly to the server, whose role may end sessions of the runtime role.
 * @throws {TenancyError} `SUSPENSION_INCOMPLETE` when somebody stays inside, `CONFIG_INVALID` for a pool of one, `ARGUMENT_INVALID`,
 * `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`.
 */
export async function holdFence<T>(pool: pg.Pool, terms: FenceTerms, work: (query: Query) => Promise<T>): Promise<T> {
  const { deadline, name } = terms
  checkDeadline(deadline)
  if (pool.options.max < 2) {
    const problems = ['the pool that suspends tenants needs two connections: one waits, one ends whom it waits for']
    throw new TenancyError('CONFIG_INVALID', { source: terms.isolation, problems })
  }
  return inTransaction(pool, async (query, client) => {
    // A transaction that sees the past would not see what it must; and a limit of the role's own would cut the wait short.
    await query(
      `set transaction isolation level read committed; set local statement_timeout = 0; set local lock_timeout = ${deadline + patience}`,
    )
    const stop = endHolders(pool, terms, () => void cancelStatement(client))
    try {
      await query(`select pg_catalog.pg_advisory_xact_lock(${fenceKey('$1')})`, [name])
    } catch (error) {
      throw incomplete(terms, error, await stop())
    }
    await stop()
    return work(query)
  })
}

/** @throws {TenancyError} `ARGUMENT_INVALID` */
export function checkDeadline(deadline: number): void {
  // As long as timers know, with the patience on top.
  if (Number.isInteger(deadline) && deadline >= 0 && deadline <= 2_000_000_000) return
  throw new TenancyError('ARGUMENT_INVALID', { field: 'deadline', rule: 'must be a whole number of milliseconds' })
}

/**
 * Ends, from the deadline on, the sessions that hold the lock.
 *
 * @param failed - told when that cannot be done.
 * @returns ends the ending, and gives what it failed with.
 */
function endHolders(pool: pg.Pool, { name, deadline }: FenceTerms, failed: () => void): () => Promise<unknown> {
  let stopped = false
  let ending: Promise<unknown> = Promise.resolve(undefined)
  let timer = setTimeout(look, deadline)
  let seen: readonly string[] = []

  function look(): void {
    ending = terminate(pool, name, seen).then(
      inside => {
        seen = inside
        if (!stopped) timer = setTimeout(look, lookEvery)
      },
      (error: unknown) => {
        failed()
        return error
      },
    )
  }

  return () => {
    stopped = true
    clearTimeout(timer)
    return ending
  }
}

/** Ends those who were seen before, and gives all who are inside. */
async function terminate(pool: pg.Pool, name: string, seen: readonly string[]): Promise<readonly string[]> {
  const text = `select l.virtualtransaction as transaction, case when l.virtualtransaction operator(pg_catalog.=) any ($2::pg_catalog.text[])
       then pg_catalog.pg_terminate_backend(l.pid) end from ${holdersOf(fenceKey('$1'))} and l.mode operator(pg_catalog.=) 'ShareLock'`
  const { rows } = await inTransaction(pool, query => query<{ transaction: string }>(text, [name, seen]))
  return rows.map(({ transaction }) => transaction)
}

function incomplete({ tenant, isolation }: FenceTerms, error: unknown, failure: unknown): unknown {
  const cause = failure ?? error
  if (!isServerError(cause)) return cause
  const reasons: Readonly<Record<string, string>> = {
    // insufficient_privilege, lock_not_available
    '42501': 'its role may not end sessions of the runtime role: grant it pg_signal_backend',
    '55P03': 'a session or a prepared transaction of the tenant does not end',
  }
  const reason = reasons[cause.code ?? '']
  return reason === undefined
    ? cause
    : new TenancyError('SUSPENSION_INCOMPLETE', { tenant, isolation, reason }, { cause })
}
