import { TenancyError, type Tenant, type TenantSource } from '@tenantry/core'
import type pg from 'pg'
import { poolPlaces } from './places/places.ts'
import { watchOf } from './places/pool-watch.ts'
import type { SharedReadsOptions } from './places/shared-reads-options.ts'
import { startOf } from './start-of.ts'
import { fencedState, type Scope, scopeSql } from './statements/scope.ts'
import type { SessionStatePolicy } from './statements/session-state-policy.ts'
import type { TenantScope } from './statements/statement.ts'
import { createTenantPool, type TenantPool } from './tenant-pool.ts'

/** Options of {@link scopedPool}. */
export interface ScopedPoolOptions {
  /** Opened and closed by the caller. Its role must be the runtime role, which owns nothing. */
  readonly pool: pg.Pool
  /** What scopes a statement to its tenant. */
  readonly scope: Scope
  /** Awaited before the first statement; what it throws refuses the statement. Default: nothing. */
  readonly ready?: () => Promise<void>
  /**
   * Whether statements may be prepared under a name. `false` behind a pooler that does not know named statements
   * (PgBouncer before 1.21 in transaction mode). Default `true`.
   */
  readonly namedStatements?: boolean
  /**
   * What becomes of state that outlives a statement, such as settings, advisory locks and temporary tables that functions make.
   * `refuse` is for a pooler in transaction mode. Default `detect`.
   */
  readonly sessionState?: SessionStatePolicy
  /**
   * Whether short reads of all tenants are pipelined on few connections, which is faster than a connection each. Only what was seen to
   * be a read of less than a millisecond shares one; see the README for what then waits for what. Only with `sessionState: 'detect'`.
   * Default yes.
   */
  readonly sharedReads?: SharedReadsOptions | false
}

/** A `pg.Pool` that many tenants share. What every Postgres isolation is made of. */
export interface ScopedPool {
  /** The pool of one tenant; cheap. */
  handle(tenant: TenantSource): TenantPool
  /** Refuses every further statement. The `pg.Pool` itself stays open. */
  close(): void
}

/**
 * Scopes a `pg.Pool`.
 *
 * @throws {TenancyError} `CONFIG_INVALID` for a pool in pipeline mode or an unknown `sessionState`; `ARGUMENT_INVALID` for a scope without
 * settings, or numbers of `sharedReads` that are none.
 * @example
 * const scoped = scopedPool({ pool, scope: { settings: ['app.tenant_id'], values: tenant => [tenant.id] } })
 * const notes = await scoped.handle(tenancy.current).query('select * from notes')
 */
export function scopedPool(options: ScopedPoolOptions): ScopedPool {
  const { pool, scope, namedStatements = true, sessionState = 'detect' } = options
  // A lease must know the transaction status before it writes a statement; in a pipeline it cannot.
  if (pool.options.pipeline === true) {
    throw new TenancyError('CONFIG_INVALID', {
      source: 'The pg.Pool',
      problems: ['pipeline: true is not supported; leave it out'],
    })
  }
  if (!/^(?:detect|always|refuse)$/.test(sessionState)) {
    throw new TenancyError('CONFIG_INVALID', {
      source: 'scopedPool',
      problems: ['sessionState must be detect, always or refuse'],
    })
  }
  watchOf(pool)
  const { seal } = scope
  const { places, counts } = poolPlaces(pool, sessionState, seal, options.sharedReads ?? {})
  const settings = seal === undefined ? scope.settings : [...scope.settings, seal.setting]
  const sql = scopeSql(settings, scope.condition, scope.fence)
  const start = startOf(options.ready)

  const refusal: Scope['refusal'] =
    scope.fence === undefined
      ? scope.refusal
      : (tenant, error) =>
          error.code === fencedState
            ? new TenancyError('TENANT_SUSPENDED', { tenant: tenant.id }, { cause: error })
            : scope.refusal?.(tenant, error)

  /** What cannot have changed since it was checked needs not be checked, or written, again. */
  const known = new WeakMap<readonly string[], ScopeValues>()

  function checked(given: readonly string[]): ScopeValues {
    const before = known.get(given)
    if (before !== undefined) return before
    const lasting = Object.isFrozen(given)
    // Else a copy: the statement may wait for a connection, while the scope gives the same array to somebody else.
    const values = lasting ? given : [...given]
    if (values.length !== scope.settings.length || !values.every(isSettingValue)) {
      const rule = 'must give one value for each setting, a text that is not empty and holds no NUL'
      throw new TenancyError('ARGUMENT_INVALID', { field: 'scope.values', rule })
    }
    // Values hold no NUL, so that no two lists of them make one key.
    const prepares = scope.preparePerTenant === true ? `${values.join('\0')}\0` : ''
    const result = { values, prepares }
    if (lasting) known.set(given, result)
    return result
  }

  function tenantScope(tenant: Tenant): TenantScope {
    const { values, prepares } = checked(scope.values(tenant))
    return { tenant, sql, values, seal, prepares, refusal, named: namedStatements, sessionState }
  }

  return {
    handle: tenant =>
      createTenantPool({ places: () => places, counts, scope: tenantScope, tenant, prepare: start.prepare }),
    close: start.close,
  }
}

/** The values of a scope's settings, and what stands in front of the names of prepared statements. */
type ScopeValues = Pick<TenantScope, 'values' | 'prepares'>

/** An empty setting means "no tenant", and `set_config` takes NULL for "the default". */
function isSettingValue(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !value.includes('\0')
}
