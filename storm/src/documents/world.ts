import { createTenancy, type Isolation, type Logger, memoryRegistry, type Tenancy, type Tenant } from '@tenantry/core'
import { mongoDatabase, type TenantMongo } from '@tenantry/mongo'
import { type MongoServer, startMongo } from '@tenantry/servers'
import { type AggregationCursor, type Collection, type FindCursor, MongoClient } from 'mongodb'
import { createTenantRows, type TenantRows } from '../model.ts'
import { type CuttingProxy, cuttingProxy } from './cutting-proxy.ts'
import type { Break } from './mutants.ts'

/** A document, which says whose it is. */
export interface Stored {
  readonly _id: number
  readonly owner: string
  readonly version: number
}

/** A tenant of the storm, and what must be in its database. */
export interface Inhabitant {
  readonly tenant: Tenant
  readonly handle: TenantMongo
  readonly rows: TenantRows
  readonly database: string
  /** Erased and made again while it is in use: then nothing is known of its documents but whose they are. */
  readonly isNomad: boolean
  readonly isolation: Isolation<TenantMongo>
}

/** A cursor that was opened by one tenant and left for others to find. */
export interface LostCursor {
  readonly owner: string
  readonly cursor: FindCursor<Stored> | AggregationCursor<Stored>
}

/** Everything that operations meet. */
export interface World {
  readonly server: MongoServer
  readonly proxy: CuttingProxy
  readonly admin: MongoClient
  readonly tenancy: Tenancy
  readonly inhabitants: readonly Inhabitant[]
  readonly lost: LostCursor[]
  /** Collections that were made by whoever came first, and are used by all. */
  readonly kept: ReadonlyMap<TenantMongo, Collection<Stored>>
  close(): Promise<void>
}

/** How large it is. */
export interface WorldSize {
  readonly tenants: number
  readonly rows: number
}

function nothing(): void {
  // What goes wrong on purpose needs no log.
}

const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/** Tenants with documents of the same ids: most share a credential, some have a client of their own, under a cap; a few come and go. */
export async function createWorld({ tenants, rows }: WorldSize, broken: Break | undefined): Promise<World> {
  const server = await startMongo()
  const proxy = await cuttingProxy(server.url)
  const admin = new MongoClient(server.url)
  const client = new MongoClient(proxy.url, { maxPoolSize: 20, retryReads: false, retryWrites: false })
  const registry = memoryRegistry()
  const tenancy = createTenancy({ registry, logger: silent })
  const common = { transactions: server.hasTransactions, logger: silent, recheck: 500 }
  const shared = mongoDatabase({ client, keyPrefix: server.prefix, ...common })
  const patience = { maxPoolSize: 4, retryReads: false, retryWrites: false }
  const apart = mongoDatabase({ uri: () => proxy.url, limits: { max: 6, wait: 60_000, options: patience }, ...common })
  const isolations = [shared, apart].map(each => (broken === undefined ? each : broken(each, client)))
  const handles = isolations.map(each => tenancy.handle(each))

  const inhabitants: Inhabitant[] = []
  for (let n = 0; n < tenants; n += 1) {
    // One in eight has a client of its own, one in ten is a nomad.
    const which = n % 8 === 7 ? 1 : 0
    const id = `tenant-${n}`
    const database = `${server.prefix}${id}`
    const tenant = registry.add({ id, slug: id, name: id, placement: { mongo_database: database } })
    const isolation = isolations[which] as Isolation<TenantMongo>
    await isolation.provision(tenant)
    const isNomad = n % 10 === 9
    const known = createTenantRows(isNomad ? 0 : rows)
    const documents = [...known.known()].map(([_id, version]) => ({ _id, owner: id, version }))
    if (documents.length > 0) await admin.db(database).collection<Stored>('notes').insertMany(documents)
    inhabitants.push({ tenant, handle: handles[which] as TenantMongo, rows: known, database, isNomad, isolation })
  }
  const kept = new Map(handles.map(handle => [handle, handle.collection<Stored>('notes')]))
  return {
    ...{ server, proxy, admin, tenancy, inhabitants, kept },
    lost: [],
    async close() {
      for (const each of isolations) await each.close()
      await client.close()
      await admin.close()
      await proxy.close()
      await server.stop()
    },
  }
}
