import { type Logger, TenancyError, type Tenant, tenantClients } from '@tenantry/core'
import type { Cluster, Redis } from 'ioredis'
import { checkClient, type Demands, isCluster, optionsOf } from './check-client.ts'
import { untilEnd } from './until-end.ts'

/** Where the keys of tenants live: one of these. */
export interface RouteOptions extends Demands {
  /** One server for all. Yours: you close it. */
  readonly client?: Redis | Cluster
  /** Several servers by name; a tenant's is in `placement.redis`. Yours: you close them. */
  readonly clients?: Readonly<Record<string, Redis | Cluster>>
  /** A client of its own for each tenant, opened when it is first used, and closed by the isolation. */
  readonly open?: (tenant: Tenant) => Redis | Promise<Redis>
  /** How many clients of `open`, or of users, there may be at once. Default 100. */
  readonly maxClients?: number
  /** For how many milliseconds a command waits for one when all are in use. Default 10 000. */
  readonly waitForClient?: number
  /** How many numbered databases a server has, for `placement.redis_db`. Default 16, as Redis. */
  readonly databases?: number
}

/** Leads from a tenant to the client that reaches its keys. */
export interface Routes {
  /** The client, where it is there for good. @throws {TenancyError} `PLACEMENT_INVALID` */
  standing(tenant: Tenant): Redis | Cluster | undefined
  /** Work with the client, which stays open until the work has ended. */
  use<T>(tenant: Tenant, work: (client: Redis | Cluster) => Promise<T>): Promise<T>
  /** Another client of the tenant's server, in the tenant's database. @throws {TenancyError} `PLACEMENT_INVALID` */
  beside(tenant: Tenant, other: Redis): Redis
  /** Clients that are there before any tenant is. */
  readonly known: readonly (Redis | Cluster)[]
  evict(tenant: Pick<Tenant, 'id'>): Promise<void>
  close(): Promise<void>
}

/** How a tenant's own login is put on a client. */
export type LogIn = (tenant: Tenant, client: Redis) => Promise<Redis>

/**
 * @param onClose - told of each client that the isolation closes.
 * @throws {TenancyError} `ARGUMENT_INVALID` unless exactly one place is given; `CONFIG_INVALID` for an unsafe client.
 */
export function routes(
  options: RouteOptions,
  name: string,
  logger: Logger,
  onClose: (client: Redis) => void,
  logIn?: LogIn,
): Routes {
  const { client, clients, open, databases = 16 } = options
  if ([client, clients, open].filter(each => each !== undefined).length !== 1) {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'client', rule: 'give one of "client", "clients" and "open"' })
  }
  // One administrator reaches one server.
  if (client === undefined && logIn !== undefined) {
    throw new TenancyError('ARGUMENT_INVALID', {
      field: 'users',
      rule: 'give "client" with it, not "clients" or "open"',
    })
  }
  const named = new Map(Object.entries(clients ?? {}))
  if (named.has('')) throw new TenancyError('ARGUMENT_INVALID', { field: 'clients', rule: 'must have names' })
  // Whoever logs in for a tenant does so with that tenant's password.
  const demands = logIn === undefined ? options : { ...options, requireAuth: false }
  if (client !== undefined) checkClient(client, 'client', demands)
  for (const [key, each] of named) checkClient(each, key, demands)
  const numbered = new Map<Redis | Cluster, Map<number, Redis>>()

  function placed(tenant: Tenant): Redis | Cluster {
    // The most usual case, before every command.
    const { redis, redis_db: number } = tenant.placement
    if (client !== undefined && redis === undefined && number === undefined) return client
    const found = serverOf(tenant)
    const database = databaseOf(tenant)
    return database === undefined || database === (optionsOf(found).db ?? 0)
      ? found
      : inDatabase(tenant, found, database)
  }

  function serverOf(tenant: Tenant): Redis | Cluster {
    const { redis } = tenant.placement
    // One client has no name: a placement that names a server means another configuration.
    const found = client === undefined ? named.get(redis ?? '') : redis === undefined ? client : undefined
    if (found === undefined) throw misplaced(tenant, 'placement.redis names none of the clients')
    return found
  }

  function databaseOf(tenant: Tenant): number | undefined {
    const text = tenant.placement.redis_db
    if (text === undefined) return undefined
    if (/^\d{1,5}$/.test(text) && Number(text) < databases) return Number(text)
    throw misplaced(tenant, `placement.redis_db must be a number from 0 to ${databases - 1}`)
  }

  // SELECT on a connection that tenants share would be for all of them (C5): each number has a connection of its own.
  function inDatabase(tenant: Tenant, server: Redis | Cluster, number: number): Redis {
    if (isCluster(server)) throw misplaced(tenant, 'a cluster has no numbered databases')
    const there = numbered.get(server) ?? new Map<number, Redis>()
    numbered.set(server, there)
    const found = there.get(number) ?? server.duplicate({ db: number })
    if (!there.has(number)) {
      found.on('error', (error: Error) => {
        logger.warn(
          { event: `${name}.connection`, database: number, reason: error.name },
          'A connection to Redis failed.',
        )
      })
    }
    there.set(number, found)
    return found
  }

  async function openFor(tenant: Tenant): Promise<Redis> {
    if (open === undefined) {
      const base = placed(tenant)
      if (logIn === undefined || isCluster(base))
        throw misplaced(tenant, 'users of tenants need a server that is no cluster')
      const made = await logIn(tenant, base)
      // Given up, because its login is no longer taken: who comes next logs in anew, or is told why not.
      made.on('end', () => void own.evict(tenant))
      return made
    }
    const opened = await open(tenant)
    try {
      checkClient(opened, tenant.id, options)
    } catch (error) {
      opened.disconnect?.()
      throw error
    }
    return opened
  }

  const isOwn = open !== undefined || logIn !== undefined
  const own = tenantClients<Redis>({
    name,
    open: openFor,
    close(gone) {
      onClose(gone)
      return end(gone)
    },
    key: ({ id, placement }) => JSON.stringify([id, placement.redis ?? '', placement.redis_db ?? '']),
    max: options.maxClients ?? 100,
    wait: options.waitForClient ?? 10_000,
    logger,
  })

  return {
    standing: tenant => (isOwn ? undefined : placed(tenant)),
    use(tenant, work) {
      if (!isOwn) return work(placed(tenant))
      return own.use(tenant, logIn === undefined ? work : given => untilEnd(given, work))
    },
    beside(tenant, other) {
      const number = databaseOf(tenant) ?? optionsOf(serverOf(tenant)).db ?? 0
      return number === (other.options.db ?? 0) ? other : inDatabase(tenant, other, number)
    },
    known: client === undefined ? [...named.values()] : [client],
    evict: own.evict,
    async close() {
      await own.close()
      for (const there of numbered.values()) for (const each of there.values()) each.disconnect()
    },
  }
}

function misplaced(tenant: Tenant, problem: string): TenancyError<'PLACEMENT_INVALID'> {
  return new TenancyError('PLACEMENT_INVALID', { tenant: tenant.id, problem })
}

/** Resolves when the connection is gone: until then it is one of those that count. */
function end(client: Redis): Promise<void> {
  return new Promise(resolve => {
    // Between two attempts to connect there is nothing that could end.
    if (client.status === 'end' || client.status === 'reconnecting') resolve()
    client.once('end', resolve)
    client.disconnect()
  })
}
