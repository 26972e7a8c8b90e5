import { AsyncResource } from 'node:async_hooks'
import { TenancyError, type Tenant, type TenantSource } from '@tenantry/core'
import type { Cluster, Command, Redis } from 'ioredis'
import { batchOf } from './batch.ts'
import { blockingCommands, containers } from './commands/command-table.ts'
import { makeCommand } from './commands/make-command.ts'
import { type Names, namesOf } from './commands/names.ts'
import { refusal } from './commands/refusal.ts'
import { scopeCommand, type Terms } from './commands/scope-command.ts'
import { isCluster } from './connections/check-client.ts'
import type { Routes } from './connections/routes.ts'
import type { SpareConnections } from './connections/spare-connections.ts'
import { flushKeys, scanKeys, type WithClient } from './flush-keys.ts'
import type { Keyspace } from './keyspace.ts'
import { methodsOf } from './methods.ts'
import type { OpenConnection } from './open-connection.ts'
import { connectionError } from './redis-error.ts'
import type { ConnectionOptions, FlushOptions, TenantRedis } from './tenant-redis.ts'
import { tellsNames } from './users.ts'

/** What a handle works with. */
export interface HandleParts {
  readonly spaceOf: (tenant: Tenant) => Keyspace
  readonly terms: Omit<Terms, 'own' | 'onForeign'>
  readonly routes: Routes
  readonly spares: SpareConnections
  /** Where there are users, sends what tells names of all tenants. */
  readonly admin: Redis | undefined
  readonly openConnection: OpenConnection
  /** Whether the configuration has been found safe; `ready` waits for that. */
  isReady(): boolean
  ready(): Promise<void>
}

/** The handle over a source of tenants. Nothing is sent until a command is called. */
export function handleOf(source: TenantSource, parts: HandleParts): TenantRedis {
  const { spaceOf, routes, spares, admin } = parts
  const names = new WeakMap<Keyspace, Names>()

  function namesFor(tenant: Tenant): Names {
    const space = spaceOf(tenant)
    const known = names.get(space) ?? namesOf(space, 'logical')
    names.set(space, known)
    return known
  }

  const sentBy = new WeakMap<Command, Redis | Cluster>()
  const terms: Terms = {
    ...parts.terms,
    get more() {
      return parts.terms.more
    },
    // Nothing that this connection still says can be believed (C9).
    onForeign: command => sentBy.get(command)?.disconnect(true as never),
  }

  function send(name: unknown, args: unknown[], encoding: BufferEncoding | null): unknown {
    const callback =
      typeof args.at(-1) === 'function' ? (args.pop() as (error: unknown, reply?: unknown) => void) : undefined
    const answer = sendNow(name, args, encoding)
    if (callback === undefined) return answer
    // In the caller's own context, not in that of the socket (threats X1, X2).
    const bound = AsyncResource.bind(callback)
    answer.then(
      reply => bound(null, reply),
      (error: unknown) => bound(error),
    )
    return answer
  }

  async function sendNow(name: unknown, args: unknown[], encoding: BufferEncoding | null): Promise<unknown> {
    // Asked first: without a tenant nothing is made of the command.
    const tenant = source()
    const command = makeCommand(name, args, encoding)
    if (!parts.isReady()) await parts.ready()
    scopeCommand(command, namesFor(tenant), terms)
    return dispatch(tenant, command)
  }

  function dispatch(tenant: Tenant, command: Command): Promise<unknown> {
    const kind = command.name.toLowerCase()
    const full = fullName(command)
    const asks = tellsNames.has(full)
    const { reject } = command
    command.reject = error => reject(connectionError(error))
    const standing = asks && admin !== undefined ? admin : routes.standing(tenant)
    const work = (client: Redis | Cluster): Promise<unknown> => {
      if (asks && isCluster(client)) throw refusal(full, 'on a cluster it asks one node of many', 'Use scanAll().')
      sentBy.set(command, client)
      if (blocks(kind, command)) return spares.send(tenant, client, command)
      client.sendCommand(command)
      return command.promise
    }
    return standing === undefined ? routes.use(tenant, work) : work(standing)
  }

  const withClient =
    (tenant: Tenant): WithClient =>
    async work => {
      const now = source()
      if (now.id !== tenant.id) throw mismatch(tenant, now)
      if (!parts.isReady()) await parts.ready()
      return (admin === undefined ? routes.use(tenant, work) : work(admin)).catch((error: Error) => {
        throw connectionError(error)
      })
    }

  async function* scanAll(pattern = '*'): AsyncGenerator<string> {
    const tenant = source()
    const { wrap, unwrap } = namesFor(tenant)
    for await (const keys of scanKeys(withClient(tenant), String(wrap(pattern, 'scan')))) {
      for (const key of keys) yield unwrap(key, 'scan') as string
    }
  }

  const batch = (isTransaction: boolean) => (commands?: Parameters<TenantRedis['pipeline']>[0]) => {
    const tenant = source()
    return batchOf({
      isTransaction,
      commands,
      scope(command) {
        const kind = command.name.toLowerCase()
        const client = routes.standing(tenant)
        const asksMany = admin !== undefined || (client !== undefined && isCluster(client))
        if (blocks(kind, command) || (asksMany && tellsNames.has(fullName(command)))) {
          throw refusal(kind, 'it is not for a pipeline that tenants share', 'Send it by itself.')
        }
        scopeCommand(command, namesFor(tenant), terms)
      },
      async send(work) {
        const now = source()
        if (now.id !== tenant.id) throw mismatch(tenant, now)
        if (!parts.isReady()) await parts.ready()
        return routes.use(tenant, work)
      },
    })
  }

  const own = {
    get prefix() {
      return spaceOf(source()).prefix
    },
    pipeline: batch(false),
    multi: batch(true),
    async connection(options: ConnectionOptions = {}) {
      const tenant = source()
      if (!parts.isReady()) await parts.ready()
      return parts.openConnection(tenant, source, options)
    },
    scanAll,
    async flushTenant({ onProgress }: FlushOptions = {}) {
      const tenant = source()
      const { all } = namesFor(tenant)
      return withClient(tenant)(client => flushKeys(client, all, onProgress))
    },
  }
  return methodsOf(send, own) as unknown as TenantRedis
}

function fullName({ name, args }: Command): string {
  const kind = name.toLowerCase()
  return containers.has(kind) ? `${kind} ${String(args[0] ?? '').toLowerCase()}` : kind
}

function blocks(kind: string, { args }: Command): boolean {
  if (!blockingCommands.has(kind)) return false
  return !kind.startsWith('xread') || args.some(each => String(each).toUpperCase() === 'BLOCK')
}

function mismatch(lease: Tenant, current: Tenant): TenancyError<'SCOPE_MISMATCH'> {
  return new TenancyError('SCOPE_MISMATCH', { lease: lease.id, current: current.id })
}
