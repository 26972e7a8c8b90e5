import type { Tenant } from '@tenantry/core'
import type { Places, PoolCounts } from './places/places.ts'
import type { ScopedPool } from './scoped-pool.ts'
import { startOf } from './start-of.ts'
import { noScope } from './statements/scope.ts'
import type { SessionStatePolicy } from './statements/session-state-policy.ts'
import type { TenantScope } from './statements/statement.ts'
import { createTenantPool } from './tenant-pool.ts'

/** Options of {@link ownPools}. */
export interface OwnPoolsOptions {
  /** The connections of one tenant, which no other tenant ever gets. Asked for each statement. */
  readonly places: (tenant: Tenant) => Places
  /** Of all tenants together. */
  readonly counts: () => PoolCounts
  /** See `scopedPool`. */
  readonly ready?: () => Promise<void>
  /** See `scopedPool`. */
  readonly sessionState: SessionStatePolicy
}

/**
 * Pools of tenants that have connections of their own: the connection is the tenant's, so that nothing stands in front of its
 * statements. The handles are those of `scopedPool`, and refuse what those refuse.
 */
export function ownPools({ places, counts, ready, sessionState }: OwnPoolsOptions): ScopedPool {
  const start = startOf(ready)

  function scope(tenant: Tenant): TenantScope {
    const nothing = { values: [], seal: undefined, prepares: '', refusal: undefined }
    return { tenant, sql: noScope, ...nothing, named: true, sessionState }
  }

  return {
    handle: tenant => createTenantPool({ places, counts, scope, tenant, prepare: start.prepare }),
    close: start.close,
  }
}
