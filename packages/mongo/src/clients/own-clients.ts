import { AsyncResource } from 'node:async_hooks'
import { type Logger, type Tenant, tenantClients } from '@tenantry/core'
import type { MongoClient, MongoClientOptions } from 'mongodb'
import type { Borrowed, ClientSource } from './client-source.ts'
import { parseConnection } from './connection-rules.ts'

/** With what to connect for a tenant. Secret. */
export interface Connecting {
  readonly uri: string
  readonly options: MongoClientOptions
}

/** Options of {@link ownClients}. */
export interface OwnClientsOptions {
  readonly connecting: (tenant: Tenant, database: string) => Promise<Connecting>
  /** Looks at a client before it is connected, and refuses one that is not as it must be. */
  readonly inspect: (client: MongoClient, tenant: Tenant) => void
  /** Looks at the server behind a client, and refuses one that is not as it must be. */
  readonly look: (client: MongoClient) => Promise<void>
  /** The client that makes databases; default: the tenant's own. */
  readonly administrator: MongoClient | undefined
  readonly ignoreUndefined: boolean
  readonly max: number
  readonly wait: number
  readonly logger: Logger
}

interface Opened {
  readonly client: MongoClient
  readonly server: string
}

/** A client for each tenant, opened when it is first used, within a cap. */
export function ownClients(options: OwnClientsOptions): ClientSource {
  const { connecting, inspect, look, administrator, ignoreUndefined, max, wait, logger } = options
  // A client has timers and sockets that go on after whoever opened it: they run where no tenant is (X1, X8).
  const nowhere = new AsyncResource('tenantry.mongo')
  const names = new WeakMap<Tenant, string>()

  async function open(tenant: Tenant): Promise<Opened> {
    const { uri, options: settings } = await connecting(tenant, names.get(tenant) as string)
    const client = parseConnection(`The MongoDB connection of tenant "${tenant.id}"`, uri, settings)
    try {
      inspect(client, tenant)
      await client.connect()
      await look(client)
    } catch (error) {
      await client.close()
      throw error
    }
    logger.info({ event: 'mongo.client', tenant: tenant.id }, `MongoDB client opened for tenant: ${tenant.id}`)
    return { client, server: serverOf(client) }
  }

  const clients = tenantClients<Opened>({
    name: 'mongo',
    open: tenant => nowhere.runInAsyncScope(open, undefined, tenant),
    close: ({ client }) => client.close(),
    key: tenant => `${tenant.id} ${names.get(tenant)} ${JSON.stringify(tenant.placement)}`,
    max,
    wait,
    logger,
  })

  function borrow(tenant: Tenant, database: string): Promise<Borrowed> {
    names.set(tenant, database)
    return new Promise((resolve, reject) => {
      const use = ({ client, server }: Opened) =>
        new Promise<void>(release => {
          resolve({ client, server, release })
        })
      clients.use(tenant, use).catch(reject)
    })
  }

  return {
    ignoreUndefined,
    borrow,
    async administer(tenant, database) {
      if (administrator === undefined) return borrow(tenant, database)
      return { client: administrator, server: serverOf(administrator), release: () => undefined }
    },
    standing: administrator === undefined ? [] : [administrator],
    get size() {
      return clients.size
    },
    evict: clients.evict,
    close: clients.close,
  }
}

/** Hosts in one order, in lower case: two URIs of one server are one server. */
function serverOf({ options }: MongoClient): string {
  return (
    options.srvHost?.toLowerCase() ??
    options.hosts
      .map(String)
      .map(host => host.toLowerCase())
      .sort()
      .join()
  )
}
