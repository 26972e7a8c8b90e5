import type { Awaitable, Logger, Secret, Tenant } from '@tenantry/core'
import type { MongoClient, MongoClientOptions } from 'mongodb'
import type { DeclaredIndexes } from './indexes.ts'
import type { TenantPasswords } from './provisioning/tenant-users.ts'

/** A user for each tenant, who may read and write its database and no other: the server keeps tenants apart. */
export interface TenantUsers {
  /** Of the servers, without a user: `mongodb://db1,db2/?replicaSet=rs0`. What a tenant is called never goes into it (M10). */
  readonly uri: string
  /** The password of each tenant's user: {@link derivedPasswords}, or from a secret store. */
  readonly passwords: TenantPasswords
  /** Makes databases and users: has `userAdminAnyDatabase` and `readWriteAnyDatabase`. Only provisioning and `verify` use it. */
  readonly admin: MongoClient
}

/** How many clients there may be where each tenant has its own. */
export interface ClientLimits {
  /** Default 100. The one that was unused for longest is closed for the next. */
  readonly max?: number
  /** Milliseconds that an operation waits when all are in use. Default 10 000; then `POOL_EXHAUSTED`. */
  readonly wait?: number
  /** Options of each client, such as `maxPoolSize` (default 10 here). What the mode itself sets is not to be set. */
  readonly options?: MongoClientOptions
}

/** Options of `mongoDatabase`. Exactly one of `client`, `clients`, `users` and `uri`. */
export interface MongoDatabaseOptions {
  /** One cluster and one credential for all tenants. Whoever opened it closes it. */
  readonly client?: MongoClient
  /** Several, by the name that a tenant's `placement.mongo_server` has. */
  readonly clients?: Readonly<Record<string, MongoClient>>
  /** A user for each tenant. */
  readonly users?: TenantUsers
  /** A URI for each tenant, asked for whenever a client is opened. The database of its path is not used. */
  readonly uri?: (tenant: Tenant) => Awaitable<Secret | string | undefined>
  /**
   * The name of a tenant's database. Default `placement.mongo_database`, else `keyPrefix` and a digest of the id; with `uri` it must be
   * given by one of the first two.
   */
  readonly database?: (tenant: Tenant) => string | undefined
  /** Of the names that are made: a letter, then a–z, 0–9, `_` and `-`, at most 37. Default `t_`. */
  readonly keyPrefix?: string
  /** What `users` and `uri` may open. */
  readonly limits?: ClientLimits
  /** Made by `provision` and `connect` where they are missing. Default none. */
  readonly indexes?: DeclaredIndexes
  /** Whether `connect` provisions a tenant that has no database (I30). Default false: a database is made on purpose. */
  readonly autoProvision?: boolean
  /** Whether the server has transactions, and handles may begin them. Default true, which `ready` checks. */
  readonly transactions?: boolean
  /** Whether JavaScript may run on the server (`$where`, `$function`, `$accumulator`). Default false. */
  readonly javascript?: boolean
  /** Refuses clients and URIs without TLS, or with one that checks nothing (I50). Default false. */
  readonly requireTls?: boolean
  /** Refuses clients and URIs that log in as nobody (I49). Default false. */
  readonly requireAuth?: boolean
  /**
   * Milliseconds for which a database is believed to be the tenant's after it said so. Default 30 000: for so long may another process
   * write to a database that was erased meanwhile.
   */
  readonly recheck?: number
  /** What an unsafe configuration leads to. Default `refuse`. */
  readonly onUnsafe?: 'refuse' | 'report'
  readonly logger?: Logger
}
