import {
  consoleLogger,
  type Finding,
  type Health,
  type Isolation,
  isTenancyError,
  type Logger,
  safeStart,
  TenancyError,
  type Tenant,
} from '@tenantry/core'
import type { Cluster, Redis } from 'ioredis'
import type { FindKeys } from './commands/key-spec.ts'
import { type RouteOptions, routes as routesOf } from './connections/routes.ts'
import { type SpareOptions, spareConnections } from './connections/spare-connections.ts'
import { checkTable, moreCommands } from './findings.ts'
import { countKeys, flushKeys } from './flush-keys.ts'
import { handleOf } from './handle.ts'
import { type KeyspaceOptions, keyspaces } from './keyspace.ts'
import { ownConnections } from './open-connection.ts'
import { coded } from './redis-error.ts'
import { type ScriptPolicy, scriptChecks } from './scripts/script-checks.ts'
import { serverTable } from './server-table.ts'
import type { TenantRedis } from './tenant-redis.ts'
import { type UsersOptions, usersOf } from './users.ts'

/** Options of {@link redisKeyspace}. */
export interface RedisKeyspaceOptions extends KeyspaceOptions, RouteOptions {
  /** A user for each tenant, whom the server itself keeps within the tenant's keys. Default none: the process does. */
  readonly users?: UsersOptions
  /**
   * Which Lua scripts run. `checked`: those that can be seen to use no keys but the declared ones. `any`: the application vouches for
   * all. Default `checked`; with `users` `any`, since the server refuses what they may not reach.
   */
  readonly scripts?: ScriptPolicy
  /** Functions (`FCALL`) for which the application vouches that they use no keys but the declared ones. Default none. */
  readonly functions?: readonly string[]
  /** Commands beyond those of Redis 7.0, such as `json.get` or `hexpire`. Their keys are where the server's own table says. Default none. */
  readonly commands?: readonly string[]
  /**
   * Values of strings carry their tenant, which is checked when they are read: an answer that came to the wrong caller is noticed.
   * Commands on a part of a value, counters and bits are refused then, and so is a value that was written before. Default `false`.
   */
  readonly envelope?: boolean
  /** The connections for commands that block. */
  readonly blocking?: SpareOptions
  /** What an unsafe configuration leads to. Default `refuse`: nothing is sent. */
  readonly onUnsafe?: 'refuse' | 'report'
  readonly logger?: Logger
}

/** An isolation that can be connected before it is used. */
export interface RedisKeyspace extends Isolation<TenantRedis> {
  /** Makes sure that the tenant's keys can be reached, for eager starts. Logs `redis.ready`. */
  connect(tenant: Tenant): Promise<void>
  /** Closes a tenant's connections, such as after it was suspended or moved. */
  evict(tenant: Pick<Tenant, 'id'>): Promise<void>
}

const name = 'redis-keyspace'

/**
 * Redis for many tenants: every key, channel and pattern of a tenant under its own prefix, and every command that is not known to stay
 * there refused.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` and `CONFIG_INVALID` for options that could not be safe.
 * @example
 * const keys = redisKeyspace({ client: new Redis(process.env.REDIS_URL) })
 * await tenancy.handle(keys).set('session:1', 'x', 'EX', 60) // t:acme:session:1
 */
export function redisKeyspace(options: RedisKeyspaceOptions): RedisKeyspace {
  const {
    users: withUsers,
    functions = [],
    commands = [],
    envelope = false,
    onUnsafe = 'refuse',
    logger = consoleLogger,
  } = options
  const spaceOf = keyspaces(options)
  const users = withUsers && usersOf(withUsers, spaceOf)
  const spares = spareConnections(options.blocking ?? {})
  const routes = routesOf(options, name, logger, spares.leave, users?.logIn)
  const wanted = commands.map(each => each.toLowerCase())
  if (options.open !== undefined && wanted.length > 0) {
    throw new TenancyError('ARGUMENT_INVALID', {
      field: 'commands',
      rule: 'cannot be used with "open": no server is known to ask',
    })
  }
  let more: ReadonlyMap<string, FindKeys> = new Map()
  const terms = {
    ...scriptChecks(options.scripts ?? (users === undefined ? 'checked' : 'any')),
    functions: new Set(functions),
    get more() {
      return more
    },
    envelope,
  }
  const own = ownConnections(routes, spaceOf, terms, users !== undefined)
  let isReady = false
  let isClosed = false

  async function look(): Promise<readonly Finding[]> {
    const tables = await coded(Promise.all(routes.known.map(client => serverTable(users?.admin ?? client))))
    const [first] = tables
    if (first !== undefined) more = moreCommands(first, wanted)
    return tables.flatMap(table => checkTable(table, wanted))
  }

  const start = safeStart({ isolation: name, look, onUnsafe, logger })
  async function ready(): Promise<void> {
    if (isClosed) throw new TenancyError('SCOPE_CLOSED', { what: 'The isolation' })
    await start()
    isReady = true
  }

  const use: typeof routes.use = (tenant, work) => {
    const done = routes.use(tenant, work)
    return users === undefined ? done : done.catch(error => explained(tenant, error))
  }

  async function explained(tenant: Tenant, error: unknown): Promise<never> {
    const told = await users?.explain(tenant, error)
    // It would try to log in for ever.
    if (told !== error) await routes.evict(tenant)
    throw told
  }

  async function ping(tenant: Tenant): Promise<void> {
    await ready()
    await use(tenant, client => coded(client.ping()))
  }

  return {
    name,
    claims: {
      sharedStore: true,
      enforced: users !== undefined,
      pooled: users === undefined && options.open === undefined,
      transactions: false,
      objects: users !== undefined,
    },
    handle: source =>
      handleOf(source, {
        ...{ spaceOf, terms, routes, spares, ready },
        use,
        admin: users && (tenant => routes.beside(tenant, users.admin)),
        openConnection: own.open,
        isReady: () => isReady && !isClosed,
      }),
    ready,
    async provision(tenant) {
      spaceOf(tenant)
      await users?.provide(tenant)
    },
    async deprovision(tenant) {
      await ready()
      own.end(tenant)
      const { prefix } = spaceOf(tenant)
      // The user goes first, so that nobody writes behind the broom.
      const hadUser = users !== undefined && (await coded(users.remove(tenant)))
      const flush = (client: Redis | Cluster) => flushKeys(client, `${prefix}*`)
      const count = await coded(
        users === undefined ? routes.use(tenant, flush) : flush(routes.beside(tenant, users.admin)),
      )
      await routes.evict(tenant)
      const erased = [
        ...(hadUser ? [{ kind: 'user', name: `of ${tenant.id}`, count: 1 }] : []),
        ...(count > 0 ? [{ kind: 'key', name: `${prefix}*`, count }] : []),
      ]
      return { tenant: tenant.id, erased }
    },
    async inventory(tenant) {
      await ready()
      const { prefix } = spaceOf(tenant)
      const count = (client: Redis | Cluster) => coded(countKeys(client, `${prefix}*`))
      const keys = await (users === undefined ? routes.use(tenant, count) : count(routes.beside(tenant, users.admin)))
      const user = await users?.find(tenant)
      return [
        ...(user === undefined ? [] : [{ kind: 'user', name: user, count: 1 }]),
        ...(keys > 0 ? [{ kind: 'key', name: `${prefix}*`, count: keys }] : []),
      ]
    },
    ...(users && {
      async suspend(tenant) {
        own.end(tenant)
        await users.suspend(tenant)
        await routes.evict(tenant)
      },
      resume: users.resume,
    }),
    verify: look,
    async health(tenant): Promise<Health> {
      const since = performance.now()
      const latency = () => performance.now() - since
      try {
        await ping(tenant)
        return { ok: true, latency: latency() }
      } catch (error) {
        return { ok: false, latency: latency(), reason: isTenancyError(error) ? error.code : 'QUERY_FAILED' }
      }
    },
    async connect(tenant) {
      await ping(tenant)
      logger.info({ event: 'redis.ready', tenant: tenant.id }, `Redis client created for tenant: ${tenant.id}`)
    },
    async evict(tenant) {
      own.end(tenant)
      await routes.evict(tenant)
    },
    async close() {
      isClosed = true
      own.end()
      spares.close()
      await routes.close()
    },
  }
}
