import {
  type CredentialSource,
  checkWholeNumbers,
  consoleLogger,
  type Isolation,
  type Logger,
  type SafeStartOptions,
  safeStart,
  TenancyError,
  type Tenant,
} from '@tenantry/core'
import { ownPools, poolHealth, type SessionStatePolicy, type TenantPool } from '@tenantry/pg'
import type pg from 'pg'
import { lookOver } from './checks/look-over.ts'
import type { BudgetMetrics } from './connections/budget-metrics.ts'
import type { BudgetOptions } from './connections/budget-options.ts'
import { connectionBudget } from './connections/connection-budget.ts'
import { type LeaseNumbers, noLeases } from './logins/lease-numbers.ts'
import { checkPrefix, type DatabaseNaming, type DatabaseServer } from './placement.ts'
import type { DatabaseStructure } from './provisioning/database-structure.ts'
import { dropDatabase } from './provisioning/deprovision.ts'
import { databaseInventory } from './provisioning/inventory.ts'
import { provisionDatabase } from './provisioning/provision.ts'
import { type ProvisionedServer, type ProvisionerLogin, provisionerPool } from './provisioning/provisioner.ts'
import { resumeDatabase, suspendDatabase } from './provisioning/suspension.ts'
import { routesOf } from './routes.ts'

/** Options of {@link pgDatabase}. */
export interface PgDatabaseOptions extends DatabaseNaming {
  /** Where tenants may live, by the name that their placement has. At least one. */
  readonly servers: Readonly<Record<string, DatabaseServer>>
  /** Where their logins come from. */
  readonly credentials: CredentialSource
  /**
   * By server: the login that makes databases there. Needed by `provision`, `deprovision`, `suspend`, `resume`, `inventory` and most of
   * `verify`. Default none.
   */
  readonly provisioners?: Readonly<Record<string, ProvisionerLogin>>
  /** Where the objects in a tenant's database come from. Default `{ by: 'template' }`. */
  readonly structure?: DatabaseStructure
  /** How many connections there may be. */
  readonly connections?: BudgetOptions & {
    /** Milliseconds for opening one. Default 5,000. */
    readonly connectTimeout?: number
    /** Milliseconds that work in progress has when its tenant is suspended or the isolation closed. Default 5,000. */
    readonly drainTimeout?: number
  }
  /** The name that the server shows for connections. Default none. */
  readonly applicationName?: string
  /** See `safeStart`. Default `refuse`. */
  readonly onUnsafe?: SafeStartOptions['onUnsafe']
  /** See `scopedPool`. Default `detect`: the next unit of work of the same tenant finds nothing of the one before. */
  readonly sessionState?: Exclude<SessionStatePolicy, 'refuse'>
  /** Receives findings, and renewals and revocations that failed. Default `consoleLogger`. */
  readonly logger?: Logger
}

/** A database for every tenant: an isolation, and what only it can. */
export interface PgDatabase extends Isolation<TenantPool> {
  /**
   * Ends a tenant's connections in this process, those in use after `drainTimeout`, and revokes its leases. From then on this version of
   * the tenant and older ones are refused here with `TENANT_SUSPENDED`; a newer one that is active is served. Without provisioners, of
   * which `suspend` makes the server refuse the tenant, it is what there is.
   */
  evict(tenant: Tenant): Promise<void>
  /** Connections and leases in numbers. */
  metrics(): { readonly connections: BudgetMetrics; readonly leases: Readonly<LeaseNumbers> }
}

/**
 * A database and a login for every tenant, on one server or many. Each connection is opened with the tenant's own login and asked for
 * the identity of its database before it is used, so that neither a wrong address nor an old placement reaches another tenant's
 * data. All connections together stay within one budget, which tenants have fair shares of.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`, `CONFIG_INVALID`. Handles throw, beyond what `TenantPool` says: `PLACEMENT_INVALID`,
 * `TENANT_SUSPENDED`, `POOL_EXHAUSTED`, `IDENTITY_MISMATCH`, `TENANT_STORE_MISSING`, `CREDENTIALS_UNAVAILABLE`, `CREDENTIALS_REFUSED`.
 * `provision` throws `PROVISIONING_FAILED`, `TEMPLATE_MISSING`, `OBJECT_FOREIGN`; `deprovision` `ERASURE_INCOMPLETE`, `TENANT_PROTECTED`,
 * `OBJECT_FOREIGN`; both `PLACEMENT_INVALID`, `CONFIG_INVALID` without a provisioner, `CREDENTIALS_UNAVAILABLE`, `CREDENTIALS_REFUSED`,
 * `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`.
 * @example
 * const isolation = pgDatabase({ servers, credentials: postgresLeases({ brokers }), provisioners })
 * await tenancy.run(acme, () => tenancy.handle(isolation).query('select * from notes')) // from acme's database
 */
export function pgDatabase(options: PgDatabaseOptions): PgDatabase {
  const { servers, credentials, provisioners = {}, connections = {}, logger = consoleLogger } = options
  const { structure = { by: 'template' }, onUnsafe = 'refuse', sessionState = 'detect' } = options
  checkOptions(options)
  const keyPrefix = checkPrefix(options.keyPrefix ?? 't_')
  const { connectTimeout = 5_000, drainTimeout = 5_000 } = connections
  checkWholeNumbers({ 'connections.connectTimeout': connectTimeout, 'connections.drainTimeout': drainTimeout })
  const budget = connectionBudget(connections)
  const numbers = noLeases()
  const routes = routesOf({
    ...{ servers, source: credentials, budget, keyPrefix, sessionState, logger, numbers },
    ...{ connectTimeout, drainTimeout },
    applicationName: options.applicationName,
  })
  const verify = () => lookOver({ servers, provisioners, credentials, keyPrefix, structure })
  const start = safeStart({ isolation: 'pg-database', onUnsafe, logger, look: verify })

  async function ready(): Promise<void> {
    await credentials.ready?.()
    await start()
  }
  const pools = ownPools({ places: routes.placesOf, counts: budget.counts, ready, sessionState })

  const provisionerPools = new Map<string, pg.Pool>()

  function provisionerOf(server: string): ProvisionedServer {
    const login = Object.hasOwn(provisioners, server) ? provisioners[server] : undefined
    if (login !== undefined) {
      const at = { server: servers[server] as DatabaseServer, login }
      const pool = provisionerPools.get(server) ?? provisionerPool(at)
      provisionerPools.set(server, pool)
      return { ...at, pool }
    }
    const problems = [`provisioners.${server}: a login with CREATEDB and CREATEROLE is needed for this`]
    throw new TenancyError('CONFIG_INVALID', { source: 'pgDatabase', problems })
  }

  function storeOf(tenant: Tenant) {
    const { target, placement } = routes.targetOf(tenant)
    return { at: provisionerOf(placement.server), target, source: credentials }
  }

  return {
    name: 'pg-database',
    claims: { sharedStore: false, enforced: true, pooled: false, transactions: true, objects: true },
    handle: pools.handle,
    ready,
    verify,
    evict: routes.evict,
    metrics: () => ({ connections: budget.metrics(), leases: { ...numbers } }),
    async provision(tenant) {
      const { target, placement } = routes.targetOf(tenant)
      const at = provisionerOf(placement.server)
      await provisionDatabase(tenant, { at, target, epoch: placement.epoch, structure, source: credentials })
    },
    async deprovision(tenant) {
      const store = storeOf(tenant)
      if (!tenant.isDefault) await routes.release(tenant.id, 0)
      return dropDatabase(tenant, store)
    },
    ...(Object.keys(provisioners).length === 0
      ? {}
      : {
          async suspend(tenant, deadline) {
            const store = storeOf(tenant)
            // What this process does may take as long as what others do.
            await Promise.all([suspendDatabase(tenant, deadline, store), routes.refuse(tenant, deadline)])
          },
          resume: async tenant => resumeDatabase(tenant, storeOf(tenant)),
          inventory: async tenant => databaseInventory(tenant, storeOf(tenant)),
        }),
    health: tenant => poolHealth(pools.handle(() => tenant)),
    async close() {
      pools.close()
      await routes.close()
      budget.close()
      const ending = [...provisionerPools.values()]
      provisionerPools.clear()
      await Promise.all(ending.map(pool => pool.end()))
    },
  }
}

/** What is missing is told at once, all of it, before a statement is sent (S10). */
function checkOptions({ servers, credentials, provisioners = {} }: PgDatabaseOptions): void {
  const names = Object.keys(servers ?? {})
  const problems = [
    ...(names.length === 0 ? ['servers: there must be at least one'] : []),
    ...names.filter(name => !servers[name]?.host).map(name => `servers.${name}.host: is missing`),
    ...(typeof credentials?.issue === 'function' ? [] : ['credentials: a source of credentials is missing']),
    ...Object.keys(provisioners)
      .filter(name => !names.includes(name))
      .map(name => `provisioners.${name}: there is no such server`),
  ]
  if (problems.length > 0) throw new TenancyError('CONFIG_INVALID', { source: 'pgDatabase', problems })
}
