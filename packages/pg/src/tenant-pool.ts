import { callbackify } from 'node:util'
import { TenancyError, type Tenant, type TenantSource } from '@tenantry/core'
import type pg from 'pg'
import { callBack } from './call-back.ts'
import { statementError } from './database-error.ts'
import { createLease, type TenantClient } from './lease.ts'
import type { Places, PoolCounts } from './places/places.ts'
import { isSubmittable, type QueryArguments, readArguments, readStatement } from './statements/query-arguments.ts'
import type { Statement, TenantScope } from './statements/statement.ts'
import type { Place } from './wire/place.ts'
import { runStatement } from './wire/run-statement.ts'

/**
 * The pool of one tenant, with the surface of `pg.Pool` that ORMs use. Everything that goes through it is done as the tenant,
 * or not at all.
 *
 * - `query` takes one statement and costs one round trip. Transaction control, session settings and whatever else cannot be
 *   scoped safely is refused with `STATEMENT_REFUSED`, which says what to do instead.
 * - `connect` leases a connection. After `release()` it refuses to work (`SCOPE_CLOSED`).
 * - `end` closes this handle, not the `pg.Pool` behind it, which belongs to whoever opened it.
 * - `on` takes listeners for the sake of ORMs that add some. It never calls them, because the events of a pool hand out its
 *   connections, which belong to other tenants.
 *
 * Errors of a statement are those of `pg` (`error.code` is the SQLSTATE). Beyond them: `TENANT_CONTEXT_MISSING` and whatever
 * else the tenant source throws, `SCOPE_CLOSED`, `SCOPE_MISMATCH`, `STATEMENT_REFUSED`, `DATABASE_UNAVAILABLE`,
 * `CONNECTION_LOST`.
 */
export interface TenantPool extends Pick<pg.Pool, 'query' | 'end' | 'totalCount' | 'idleCount' | 'waitingCount'> {
  connect(): Promise<TenantClient>
  connect(
    callback: (
      error: Error | undefined,
      client: TenantClient | undefined,
      done: (release?: Error | boolean) => void,
    ) => void,
  ): void
  on(event: string, listener: (...args: never[]) => void): this
  once(event: string, listener: (...args: never[]) => void): this
  off(event: string, listener: (...args: never[]) => void): this
  addListener(event: string, listener: (...args: never[]) => void): this
  removeListener(event: string, listener: (...args: never[]) => void): this
}

export interface TenantPoolParts {
  /** Whose places a statement or a lease of a tenant gets. */
  readonly places: (tenant: Tenant) => Places
  readonly counts: () => PoolCounts
  readonly scope: (tenant: Tenant) => TenantScope
  readonly tenant: TenantSource
  /** Throws when no statement may be sent any more; a promise when the first one has to wait. */
  readonly prepare: () => Promise<void> | undefined
}

export function createTenantPool(parts: TenantPoolParts): TenantPool {
  const { places, counts, scope, tenant: source, prepare } = parts
  let ended = false

  function checkOpen(): void {
    if (ended) throw new TenancyError('SCOPE_CLOSED', { what: 'A tenant pool' })
  }

  /** The wait for a connection can be long, and all be closed in the meantime. */
  function checkStillOpen(): void {
    checkOpen()
    void prepare()
  }

  /** Asked before anything else, so that without a tenant nothing at all is sent. */
  function enter(): Tenant {
    checkOpen()
    return source()
  }

  async function single(given: QueryArguments): Promise<pg.QueryResult> {
    const tenant = enter()
    const statement = readStatement(given)
    if (statement.kind !== 'ordinary') {
      throw new TenancyError('STATEMENT_REFUSED', {
        statement: 'Transaction control',
        reason: 'the next statement of the pool may run on another connection',
        advice: 'Take one with pool.connect(), and release it at the end.',
      })
    }
    const tenantScope = scope(tenant)
    // Before anything is waited for: a source of the caller's own may put another tenant into the same object meanwhile.
    const at = places(tenant)
    const preparing = prepare()
    if (preparing !== undefined) await preparing
    const place = await at.forStatement(statement, tenantScope)
    let answered = false
    try {
      checkStillOpen()
      const query = await runStatement(place, statement, tenantScope, 'alone')
      answered = true
      return query.result()
    } catch (error) {
      if (place.gaveWay?.(error) !== true) throw statementError(error, single)
    } finally {
      place.leave(answered)
    }
    return again(await at.forLease(), statement, tenantScope)
  }

  /** On a connection of its own. */
  async function again(place: Place, statement: Statement, tenantScope: TenantScope): Promise<pg.QueryResult> {
    try {
      checkStillOpen()
      return (await runStatement(place, statement, tenantScope, 'alone')).result()
    } catch (error) {
      throw statementError(error, again)
    } finally {
      place.leave()
    }
  }

  async function lease(): Promise<TenantClient> {
    const tenant = enter()
    // A source of the caller's own may give the same object again, with another tenant in it.
    const { id } = tenant
    const tenantScope = scope(tenant)
    const at = places(tenant)
    await prepare()
    const place = await at.forLease()
    try {
      checkStillOpen()
    } catch (error) {
      place.leave()
      throw error
    }
    return createLease({
      place,
      scope: tenantScope,
      check() {
        const current = enter()
        // Throws once the isolation is closed; it was ready when the lease was given.
        void prepare()
        if (current.id !== id) throw new TenancyError('SCOPE_MISMATCH', { lease: id, current: current.id })
      },
    })
  }

  function query(...args: unknown[]): unknown {
    const given = readArguments(args)
    if (isSubmittable(given.config)) {
      throw new TenancyError('STATEMENT_REFUSED', {
        statement: 'A cursor, stream or COPY',
        reason: 'it carries no tenant of its own',
        advice: 'Take a connection with pool.connect(), and run it between BEGIN and COMMIT.',
      })
    }
    return callBack(single(given), given.callback)
  }

  function connect(
    callback?: (error: Error | undefined, client?: TenantClient, done?: TenantClient['release']) => void,
  ) {
    if (callback === undefined) return lease()
    callbackify(lease)((error, client) =>
      error ? callback(error, undefined, () => undefined) : callback(undefined, client, client.release),
    )
    return undefined
  }

  async function end(callback?: () => void): Promise<void> {
    ended = true
    callback?.()
  }

  function chain(): TenantPool {
    return handle
  }

  const handle = {
    query,
    connect,
    end,
    on: chain,
    once: chain,
    off: chain,
    addListener: chain,
    removeListener: chain,
    get totalCount() {
      return counts().totalCount
    },
    get idleCount() {
      return counts().idleCount
    },
    get waitingCount() {
      return counts().waitingCount
    },
  } as unknown as TenantPool
  return handle
}
