import type { Tenant } from '@tenantry/core'
import type { MongoClient } from 'mongodb'

/** A client in use. */
export interface Borrowed {
  readonly client: MongoClient
  /** What tells servers apart in this process, never secret. */
  readonly server: string
  /** Gives it back. Idempotent. */
  release(): void
}

/** Where the client of a tenant comes from. */
export interface ClientSource {
  /** Whether fields that are `undefined` are left out, as the clients are configured. */
  readonly ignoreUndefined: boolean
  /** What {@link borrow} would give, where it need not be opened or given back. `undefined` where it would be refused. */
  atHand?(tenant: Tenant): Borrowed | undefined
  /** The client with which a tenant's operations are done. */
  borrow(tenant: Tenant, database: string): Promise<Borrowed>
  /** The client with which a tenant's database is made and dropped. */
  administer(tenant: Tenant, database: string): Promise<Borrowed>
  /** Clients that are there before any tenant is: the ones to look at when the isolation starts. */
  readonly standing: readonly MongoClient[]
  /** How many clients it has open, where it opens them itself. */
  readonly size: number
  /** Closes what it opened for a tenant. */
  evict(tenant: Pick<Tenant, 'id'>): Promise<void>
  /** Closes what it opened. Idempotent. */
  close(): Promise<void>
}
