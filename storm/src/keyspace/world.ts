import { createTenancy, memoryRegistry, secret, type Tenancy, type Tenant } from '@tenantry/core'
import { type RedisKeyspace, redisKeyspace, type TenantRedis } from '@tenantry/redis'
import { type Command, Redis } from 'ioredis'
import { createTenantRows, type TenantRows } from '../model.ts'
import { createTally, type Tally } from '../tally.ts'
import { type CommandForm, commandForms } from './command-lines.ts'

/** How the storm's tenants are kept apart: all through one login, or each with a user of its own. */
export type Mode = 'shared' | 'users'

/** Everything that a storm of Redis rages in. */
export interface KeyspaceWorld {
  readonly mode: Mode
  readonly tenants: readonly Tenant[]
  readonly rows: ReadonlyMap<Tenant, TenantRows>
  readonly tenancy: Tenancy
  readonly isolation: RedisKeyspace
  readonly db: TenantRedis
  readonly admin: Redis
  readonly forms: readonly CommandForm[]
  readonly tally: Tally
  /** Connections that tenants left open, for others to lay hands on. */
  readonly lent: { readonly tenant: Tenant; readonly connection: Redis }[]
  close(): Promise<void>
}

/** Every key that an application's connection sent, by the server's own reading, is looked at by this. */
export type Watch = (name: string, args: readonly (string | Buffer)[]) => void

export const rowsEach = 6
const nothing = (): void => undefined
const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }
const appName = 'storm-app'

/** Ids that begin like others, differ by a delimiter only, or are as long as an id may be. */
function tenantId(at: number): string {
  return [`t${at}`, `t${at - 1}_${at}`, `t${at - 2}-${at}`, `${'long-'.repeat(12)}${String(at).padStart(4, '_')}`][
    at % 4
  ] as string
}

export const keyOf = (id: number): string => `n:${id}`
export const textOf = ({ id }: Tenant, version: number): string => `of ${id} #${version}`

export async function createKeyspaceWorld(url: string, mode: Mode, count: number): Promise<KeyspaceWorld> {
  const registry = memoryRegistry()
  const tenants = Array.from({ length: count }, (_, at) =>
    registry.add({ id: tenantId(at), slug: `tenant-${at}`, name: `Tenant ${at}` }),
  )
  const rows = new Map(tenants.map(tenant => [tenant, createTenantRows(rowsEach)]))
  const admin = new Redis(url)
  await admin.flushall()
  // Decoys: keys of the names that tenants use, outside of every key space.
  await admin.mset(Object.fromEntries([...Array(rowsEach).keys()].map(id => [keyOf(id + 1), 'of nobody'])))
  await admin.rpush('w:list', 'of nobody')
  const client = new Redis(url, { connectionName: appName, maxRetriesPerRequest: 0, retryStrategy: () => 5 })
  client.on('error', nothing)
  const users = mode === 'users' ? { users: { admin, secret: secret('0123456789abcdef0123456789abcdef') } } : {}
  const isolation = redisKeyspace({ client, logger, scripts: 'checked', maxClients: 40, ...users })
  const tenancy = createTenancy({ registry, logger })
  const db = tenancy.handle(isolation)
  for (const tenant of tenants) {
    await isolation.provision(tenant)
    const known = rows.get(tenant)?.known() ?? new Map<number, number>()
    await tenancy.run(tenant, () =>
      db.mset(Object.fromEntries([...known].map(([id, version]) => [keyOf(id), textOf(tenant, version)]))),
    )
  }
  return {
    ...{ mode, tenants, rows, tenancy, isolation, db, admin },
    forms: await commandForms(admin),
    tally: createTally(),
    lent: [],
    async close() {
      await isolation.close()
      client.disconnect()
      admin.disconnect()
    },
  }
}

/** A fault, made on purpose in what the isolation has made of a command. */
export type Break = (command: Command) => void

/** Shows every command that the application's connections send, after the isolation has had it. */
export function watchSent(watch: Watch, breakIt: Break = nothing): () => void {
  const { sendCommand } = Redis.prototype
  Redis.prototype.sendCommand = function (this: Redis, command: Command, stream) {
    if (this.options.connectionName === appName) {
      breakIt(command)
      watch(command.name, command.args as (string | Buffer)[])
    }
    return sendCommand.call(this, command, stream)
  }
  return () => {
    Redis.prototype.sendCommand = sendCommand
  }
}
