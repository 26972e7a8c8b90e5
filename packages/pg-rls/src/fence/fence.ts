import { TenancyError, type Tenant } from '@tenantry/core'
import { holdFence, inTransaction } from '@tenantry/pg'
import type pg from 'pg'
import { fenceNames, fenceSchema } from './fence-sql.ts'

/** Where a fence is, and who may raise it. */
export interface FenceOptions {
  /**
   * Connects as the `fenceRole` of `installFence`, directly to the server, with at least two connections. Opened and closed by the
   * caller. Needed to suspend tenants; processes that only serve them do without.
   */
  readonly pool?: pg.Pool
  /** Default `tenancy`. */
  readonly schema?: string
}

/** The fence of a database, as its keeper sees it. */
export interface RaisableFence {
  /** Refuses the tenant from when it resolves, and nothing of it is under way. */
  suspend(tenant: Tenant, deadline: number): Promise<void>
  resume(tenant: Tenant): Promise<void>
}

/** {@link FenceOptions} with the defaults in. */
export type FenceTaken = FenceOptions & { readonly schema: string }

/** What `fence: true` or `fence: { pool }` means. */
export function fenceOptions(fence: boolean | FenceOptions | undefined): FenceTaken | undefined {
  if (fence === undefined || fence === false) return undefined
  const { schema = fenceSchema, pool } = fence === true ? {} : fence
  if (pool !== undefined && pool.options.max < 2)
    throw new TenancyError('ARGUMENT_INVALID', { field: 'fence.pool', rule: 'must have at least two connections' })
  return { schema, ...(pool === undefined ? {} : { pool }) }
}

/** @param pool - of the role that may raise it. */
export function raisableFence(pool: pg.Pool, schema: string): RaisableFence {
  const names = fenceNames(schema)

  return {
    suspend: ({ id }, deadline) =>
      holdFence(pool, { tenant: id, isolation: 'pg-rls', name: id, deadline }, async query => {
        await query(`insert into ${names.fence} (tenant) values ($1) on conflict do nothing`, [id])
        // Whoever sees the past must notice. Last, so that others who do are disturbed for as short a time as can be.
        await query(`select from ${names.generation} for update`)
        await query(`update ${names.generation} set value = pg_catalog.nextval($1::text::regclass)`, [names.sequence])
      }),
    async resume({ id }) {
      await inTransaction(pool, query => query(`delete from ${names.fence} where tenant = $1`, [id]))
    },
  }
}
