import type { TenantRegistry, TenantSource } from '@tenantry/core'
import type { PgDatabase } from '@tenantry/pg-database'
import type pg from 'pg'

/** What statements are sent to. */
export type Queryable = Pick<pg.Pool, 'query'>

/** Where the three kinds of data stand. The application does not know whether that is one database or many. */
export interface Partitions {
  readonly registry: TenantRegistry
  /** `shared_…`, read only. */
  shared(tenant: TenantSource): Queryable
  /** The tenant's own tables. */
  own(tenant: TenantSource): Queryable
  /** Absent where everything stands in one database. */
  readonly databases?: PgDatabase
  /** Ends the connections of tenants, and the pools that were opened for them. */
  close(): Promise<void>
}
