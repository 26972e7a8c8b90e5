import { type EnteredSystem, type Finding, type Tenancy, TenancyError, type Tenant } from '@tenantry/core'
import type pg from 'pg'
import { inTransaction } from './in-transaction.ts'
import { scopedPool } from './scoped-pool.ts'
import { systemRoleFindings } from './system-role-findings.ts'
import type { TenantPool } from './tenant-pool.ts'

/** Options of {@link systemPool}. */
export interface SystemPoolOptions {
  /** Of a role of its own that may look across tenants, by policies of its own or BYPASSRLS. Opened and closed by the caller. */
  readonly pool: pg.Pool
  /** Whose system scope opens the pool. */
  readonly tenancy: Pick<Tenancy, 'system'>
  /** The pools of tenants. Their roles must not be this one, nor be able to become it. */
  readonly tenantPools: readonly pg.Pool[]
}

/** A pool for what looks across tenants. Made by {@link systemPool}. */
export interface SystemPool {
  /**
   * With the surface of `pg.Pool`, and with what is refused of a {@link TenantPool}. Each statement carries `tenantry.actor` and
   * `tenantry.reason` as settings of its transaction, for triggers and policies of the database.
   */
  readonly handle: TenantPool
  /**
   * Resolves when the roles are safe. The handle waits for it before its first statement.
   *
   * @throws {TenancyError} `UNSAFE_CONFIGURATION`
   */
  ready(): Promise<void>
  /** What is unsafe about the roles; empty when all is well. */
  verify(): Promise<readonly Finding[]>
  /** Refuses every further statement. The `pg.Pool` itself stays open. */
  close(): void
}

/**
 * A pool that works in the system scope only: outside of one, in a tenant's unit of work, and once the scope has ended, it sends nothing,
 * and neither does a lease that was kept. The scope must be one that stands in an audit log.
 *
 * Beyond the errors of a tenant's pool: `SYSTEM_SCOPE_REQUIRED`; `SCOPE_MISMATCH` for a lease in another system scope than its own.
 *
 * @example
 * const system = systemPool({ pool, tenancy, tenantPools: [runtimePool] })
 * await tenancy.runAsSystem({ actor: 'billing', reason: 'totals' }, () => system.handle.query('select count(*) from notes'))
 */
export function systemPool({ pool, tenancy, tenantPools }: SystemPoolOptions): SystemPool {
  const entered = new WeakMap<EnteredSystem, Tenant>()
  let entries = 0

  /** Statements are scoped to who looks across tenants, in the way in which they are scoped to a tenant. */
  function scopeOf(): Tenant {
    const access = tenancy.system()
    if (!access.isAudited) throw new TenancyError('SYSTEM_SCOPE_REQUIRED', { scope: 'unaudited' })
    let scope = entered.get(access)
    if (scope === undefined) {
      entries += 1
      scope = standIn(`the system, entry ${entries}`, access)
      entered.set(access, scope)
    }
    return scope
  }

  async function verify(): Promise<readonly Finding[]> {
    const tenantRoles = await Promise.all(tenantPools.map(roleOf))
    return inTransaction(pool, query => systemRoleFindings(query, tenantRoles))
  }

  async function ready(): Promise<void> {
    const findings = await verify()
    if (findings.length > 0) throw new TenancyError('UNSAFE_CONFIGURATION', { isolation: 'systemPool', findings })
  }

  const scope = {
    settings: ['tenantry.actor', 'tenantry.reason'],
    values: ({ settings: { actor, reason } }: Tenant) => [String(actor), String(reason)],
  }
  const scoped = scopedPool({ pool, scope, ready, sharedReads: false })
  return { handle: scoped.handle(scopeOf), ready, verify, close: scoped.close }
}

function standIn(id: string, { actor, reason }: EnteredSystem): Tenant {
  const flags = { isDefault: false, isControl: false, version: 1 }
  const settings = Object.freeze({ actor, reason })
  return Object.freeze({ id, slug: '', name: id, status: 'active', placement: {}, ...flags, settings })
}

async function roleOf(pool: pg.Pool): Promise<string> {
  const { rows } = await inTransaction(pool, query => query('select session_user::text as role'))
  return String(rows[0]?.role)
}
