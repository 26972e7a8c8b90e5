import { AsyncResource } from 'node:async_hooks'
import { TenancyError, type Tenant, type TenantSource } from '@tenantry/core'
import type { Cluster, Command, Redis } from 'ioredis'
import { batchOf } from './batch.ts'
import { checkName, makeCommand } from './commands/make-command.ts'
import { type Names, namesOf } from './commands/names.ts'
import { refusal } from './commands/refusal.ts'
import { mayBlock, type Rule, ruleOf, scopeCommand, type Terms } from './commands/scope-command.ts'
import { isCluster } from './connections/check-client.ts'
import type { Routes } from './connections/routes.ts'
import type { SpareConnections } from './connections/spare-connections.ts'
import { flushKeys, scanKeys, type WithClient } from './flush-keys.ts'
import type { Keyspace } from './keyspace.ts'
import { methodsOf } from './methods.ts'
import type { OpenConnection } from './open-connection.ts'
import { coded, connectionError } from './redis-error.ts'
import type { ConnectionOptions, FlushOptions, TenantRedis } from './tenant-redis.ts'

/** What a handle works with. */
export interface HandleParts {
  readonly spaceOf: (tenant: Tenant) => Keyspace
  readonly terms: Omit<Terms, 'own' | 'onForeign'>
  readonly routes: Routes
  readonly spares: SpareConnections
  /** Where there are users, sends what tells names of all tenants. */
  readonly admin: ((tenant: Tenant) => Redis) | undefined
  /** Where there are users, work with the tenant's own client; fails as the tenant is to be told. */
  readonly use: Routes['use']
  readonly openConnection: OpenConnection
  /** Whether the configuration has been found safe; `ready` waits for that. */
  isReady(): boolean
  ready(): Promise<void>
}

/** The handle over a source of tenants. Nothing is sent until a command is called. */
export function handleOf(source: TenantSource, parts: HandleParts): TenantRedis {
  const { spaceOf, routes, spares, admin, use } = parts
  // The id is compared: a source may hand out one object for many.
  const names = new WeakMap<Tenant, Names>()

  function namesFor(tenant: Tenant): Names {
    const known = names.get(tenant)
    if (known !== undefined && known.tenant === tenant.id) return known
    const made = namesOf(spaceOf(tenant), 'logical')
    names.set(tenant, made)
    return made
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

  /** Whether the answer is looked into. */
  const holdsNames = (rule: Rule): boolean => rule.find === undefined || rule.read !== undefined || terms.envelope

  function send(name: string, args: unknown[], encoding: BufferEncoding | null, isGiven = false): unknown {
    const callback =
      typeof args[args.length - 1] === 'function'
        ? (args.pop() as (error: unknown, reply?: unknown) => void)
        : undefined
    let answer: Promise<unknown>
    try {
      answer = sendNow(name, args, encoding, isGiven)
    } catch (error) {
      answer = Promise.reject(error)
    }
    if (callback === undefined) return answer
    // In the caller's own context, not in that of the socket (threats X1, X2).
    const bound = AsyncResource.bind(callback)
    answer.then(
      reply => bound(null, reply),
      (error: unknown) => bound(error),
    )
    return answer
  }

  function sendNow(name: string, args: unknown[], encoding: BufferEncoding | null, isGiven: boolean): Promise<unknown> {
    // Asked first: without a tenant nothing is made of the command.
    const tenant = source()
    const command = makeCommand(isGiven ? checkName(name) : name, args, encoding)
    return parts.isReady() ? dispatch(tenant, command) : parts.ready().then(() => dispatch(tenant, command))
  }

  function dispatch(tenant: Tenant, command: Command): Promise<unknown> {
    const rule = ruleOf(command, terms)
    const isLong = rule.blocks !== false && mayBlock(rule, command)
    scopeCommand(command, namesFor(tenant), terms, rule)
    const { reject } = command
    command.reject = error => reject(connectionError(error))
    const standing = routes.standing(tenant)
    if (standing !== undefined) return sendBy(standing, tenant, command, rule, isLong)
    const sent = (by: Redis | Cluster) => sendBy(by, tenant, command, rule, isLong)
    return use(tenant, client => (rule.tellsNames ? behind(tenant, client, sent) : sent(client)))
  }

  function sendBy(
    client: Redis | Cluster,
    tenant: Tenant,
    command: Command,
    rule: Rule,
    isLong: boolean,
  ): Promise<unknown> {
    if (rule.tellsNames && isCluster(client)) {
      throw refusal(rule.name, 'on a cluster it asks one node of many', 'Use scanAll().')
    }
    if (holdsNames(rule)) sentBy.set(command, client)
    if (isLong) return spares.send(tenant, client, command)
    client.sendCommand(command)
    return command.promise
  }

  const withClient =
    (tenant: Tenant): WithClient =>
    async work => {
      const now = source()
      if (now.id !== tenant.id) throw mismatch(tenant, now)
      if (!parts.isReady()) await parts.ready()
      return coded(use(tenant, client => behind(tenant, client, work)))
    }

  /** Work with the client that may tell names. The administrator's is let in also where the tenant is suspended, and so is asked second. */
  async function behind<T>(
    tenant: Tenant,
    client: Redis | Cluster,
    work: (teller: Redis | Cluster) => Promise<T>,
  ): Promise<T> {
    if (admin === undefined) return work(client)
    await coded(client.ping())
    return work(admin(tenant))
  }

  async function* scanAll(pattern = '*'): AsyncGenerator<string> {
    const tenant = source()
    const { wrap, unwrap } = namesFor(tenant)
    for await (const keys of scanKeys(withClient(tenant), String(wrap(pattern, 'scan')))) {
      for (const key of keys) yield String(unwrap(key, 'scan'))
    }
  }

  function asksMany(tenant: Tenant): boolean {
    const client = routes.standing(tenant)
    return admin !== undefined || (client !== undefined && isCluster(client))
  }

  const batch = (isTransaction: boolean) => (commands?: Parameters<TenantRedis['pipeline']>[0]) => {
    const tenant = source()
    const own = namesFor(tenant)
    const there = parts.isReady() ? routes.standing(tenant) : undefined
    const read: Command[] = []
    function enter(): boolean {
      const now = source()
      if (now.id !== tenant.id) throw mismatch(tenant, now)
      return parts.isReady()
    }
    return batchOf({
      isTransaction,
      commands,
      client: there,
      enter,
      scope(command) {
        const rule = ruleOf(command, terms)
        if ((rule.blocks !== false && mayBlock(rule, command)) || (rule.tellsNames && asksMany(tenant))) {
          throw refusal(rule.name, 'it is not for a pipeline that tenants share', 'Send it by itself.')
        }
        scopeCommand(command, own, terms, rule)
        if (!holdsNames(rule)) return
        if (there === undefined) read.push(command)
        else sentBy.set(command, there)
      },
      async send(work) {
        if (!enter()) await parts.ready()
        return use(tenant, client => {
          for (const command of read) sentBy.set(command, client)
          return work(client)
        })
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
      if (!parts.isReady()) await parts.ready()
      // What is found by the administrator is removed by the tenant, who may be suspended meanwhile.
      return coded(use(tenant, own => behind(tenant, own, teller => flushKeys(teller, all, onProgress, own))))
    },
  }
  return methodsOf(send, own) as unknown as TenantRedis
}

function mismatch(lease: Tenant, current: Tenant): TenancyError<'SCOPE_MISMATCH'> {
  return new TenancyError('SCOPE_MISMATCH', { lease: lease.id, current: current.id })
}
