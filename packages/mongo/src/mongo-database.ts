import { AsyncResource } from 'node:async_hooks'
import {
  consoleLogger,
  type Health,
  type Isolation,
  isTenancyError,
  safeStart,
  TenancyError,
  type Tenant,
} from '@tenantry/core'
import { checkMongoOptions } from './check-options.ts'
import { openSource } from './clients/open-source.ts'
import { databaseError } from './database-error.ts'
import { checkPrefix, databaseName } from './database-name.ts'
import type { Scope } from './handle/scope.ts'
import { type TenantMongo, tenantMongo } from './handle/tenant-mongo.ts'
import { declareIndexes, makeIndexes } from './indexes.ts'
import type { MongoDatabaseOptions } from './options.ts'
import { createProvisioning } from './provisioning/provisioning.ts'
import { createStores } from './stores.ts'
import { findings } from './verify.ts'

/** What {@link mongoDatabase} makes. */
export interface MongoDatabase extends Isolation<TenantMongo> {
  /**
   * Opens a tenant's client now, finds its database to be its own and makes indexes that are missing: for the start of an application.
   * With `autoProvision` it makes the database, too.
   *
   * @throws {TenancyError} what a first operation would throw; `PROVISIONING_FAILED` for an index that is there and is another.
   */
  connect(tenant: Tenant): Promise<void>
  /** Closes a tenant's own client as soon as nobody uses it, such as after its URI or password has changed. */
  evict(tenant: Pick<Tenant, 'id'>): Promise<void>
  /** How many clients of tenants are open, those that open or close included. 0 where clients were passed in. */
  readonly clients: number
}

/**
 * A MongoDB database for every tenant.
 *
 * @throws {TenancyError} `CONFIG_INVALID` with everything that is wrong; `ARGUMENT_INVALID`.
 * @example
 * const isolation = mongoDatabase({ client: new MongoClient(uri) })
 * const mongo = tenancy.handle(isolation)
 * await isolation.provision(acme)
 * await tenancy.run(acme, () => mongo.collection('notes').insertOne({ text: 'hello' }))
 */
export function mongoDatabase(options: MongoDatabaseOptions): MongoDatabase {
  const mode = checkMongoOptions(options)
  const {
    transactions = true,
    javascript = false,
    recheck = 30_000,
    onUnsafe = 'refuse',
    logger = consoleLogger,
  } = options
  const { autoProvision = false, users } = options
  const name = 'mongo'
  const prefix = checkPrefix(options.keyPrefix ?? 't_')
  const indexes = declareIndexes(options.indexes ?? {})
  const source = openSource(mode, options, { transactions, logger })
  // What a client starts goes on for ever, so that it must not start in the context of a tenant (X8).
  const nowhere = new AsyncResource('tenantry.mongo')
  // The fields are compared: a source may hand out one object for many tenants.
  const names = new WeakMap<
    Tenant,
    { readonly id: string; readonly placed: string | undefined; readonly name: string }
  >()

  function database(tenant: Tenant): string {
    const { id } = tenant
    const placed = options.database?.(tenant) ?? tenant.placement.mongo_database
    const known = names.get(tenant)
    if (known?.id === id && known.placed === placed) return known.name
    const made = databaseName(tenant, placed, mode === 'uri' ? undefined : prefix)
    names.set(tenant, { id, placed, name: made })
    return made
  }

  async function look() {
    return nowhere.runInAsyncScope(async () => {
      for (const client of source.standing) await client.connect()
      return findings({ clients: source.standing, users: mode === 'users', transactions })
    })
  }

  const start = safeStart({ isolation: name, look, onUnsafe, logger })
  let isStarted = false

  async function ready(): Promise<void> {
    requireOpen()
    try {
      await start()
      isStarted = true
    } catch (error) {
      throw databaseError(error, { id: 'any' })
    }
  }

  const stores = createStores({ isolation: name, source, database, ready, isReady: () => isStarted, recheck })
  const { provision, deprovision, inventory } = createProvisioning({
    ...{ source, stores, database, indexes, logger },
    passwords: users?.passwords,
  })
  const ways = source.ignoreUndefined ? { ignoreUndefined: true } : {}
  let isClosed = false

  function requireOpen(): void {
    if (isClosed) throw new TenancyError('SCOPE_CLOSED', { what: name })
  }

  async function connected(tenant: Tenant): Promise<void> {
    const held = await stores.hold(tenant)
    try {
      await makeIndexes(held.db, tenant, indexes, logger)
    } catch (error) {
      throw databaseError(error, tenant)
    } finally {
      held.release()
    }
  }

  return {
    name,
    claims: {
      sharedStore: false,
      enforced: mode === 'users',
      pooled: mode === 'client' || mode === 'clients',
      transactions,
      objects: true,
    },

    handle(tenant) {
      const scope: Scope = {
        rules: { javascript },
        ways,
        tenant,
        database,
        hold: stores.hold,
        translate: (error, of) =>
          isClosed && !isTenancyError(error)
            ? new TenancyError('SCOPE_CLOSED', { what: name })
            : databaseError(error, of),
      }
      return tenantMongo(scope, { transactions })
    },

    ready,

    async provision(tenant) {
      requireOpen()
      await provision(tenant)
    },

    async deprovision(tenant) {
      requireOpen()
      return deprovision(tenant)
    },

    async inventory(tenant) {
      requireOpen()
      return inventory(tenant)
    },

    async connect(tenant) {
      await connected(tenant).catch(async (error: unknown) => {
        const isMissing = isTenancyError(error) && error.code === 'TENANT_STORE_MISSING'
        if (!autoProvision || !isMissing) throw error
        await provision(tenant)
        await connected(tenant)
      })
      logger.info({ event: 'mongo.ready', tenant: tenant.id }, `MongoDB client created for tenant: ${tenant.id}`)
    },

    verify: async () => {
      requireOpen()
      return look()
    },

    async health(tenant): Promise<Health> {
      const since = performance.now()
      try {
        const held = await stores.hold(tenant)
        try {
          await held.db.command({ ping: 1 })
        } finally {
          held.release()
        }
        return { ok: true, latency: performance.now() - since }
      } catch (error) {
        const known = databaseError(error, tenant)
        const reason = isTenancyError(known) ? known.code : 'the server answers with an error'
        return { ok: false, latency: performance.now() - since, reason }
      }
    },

    evict: source.evict,

    get clients() {
      return source.size
    },

    async close() {
      isClosed = true
      stores.close()
      await source.close()
    },
  }
}
