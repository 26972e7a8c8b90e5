import { createHash, createHmac } from 'node:crypto'
import { isTenancyError, type Secret, TenancyError, type Tenant, tenantDigest } from '@tenantry/core'
import type { Redis } from 'ioredis'
import { allowedNames, tellsNames } from './commands/scope-command.ts'
import type { LogIn } from './connections/routes.ts'
import type { Keyspace } from './keyspace.ts'
import { coded, connectionError, isOfLogin } from './redis-error.ts'
import { serverTable } from './server-table.ts'

/** A login of each tenant's own, which the server keeps within the tenant's key space. */
export interface UsersOptions {
  /** May change users (`ACL SETUSER`), and read all keys of the tenants. Yours: you close it. */
  readonly admin: Redis
  /** From which the passwords of all tenants are made; at least 32 characters. Another one needs all tenants to be provisioned again. */
  readonly secret: Secret
}

/** The users of tenants on a server. */
export interface Users {
  readonly logIn: LogIn
  /** Makes or mends the tenant's user. @throws {TenancyError} `OBJECT_FOREIGN` for a user of that name with other keys. */
  provide(tenant: Tenant): Promise<void>
  /** Removes it with its connections; resolves to whether there was one. */
  remove(tenant: Tenant): Promise<boolean>
  /** Lets it log in no more, and ends its connections: what the server has not begun to run by then, it does not run. */
  suspend(tenant: Tenant): Promise<void>
  resume(tenant: Tenant): Promise<void>
  /** What the tenant is told in place of an error: that it is suspended, where the server says so. */
  explain(tenant: Tenant, error: unknown): Promise<unknown>
  /** Its name; `undefined` when there is none. */
  find(tenant: Tenant): Promise<string | undefined>
  readonly admin: Redis
}

// What a connection needs to come into being.
const connecting = ['client setname', 'client setinfo', 'client id', 'client getname', 'client info']

// Not as a whole: CLIENT has second words that show and end connections of others, and INFO counts everybody's keys.
const inParts: ReadonlySet<string> = new Set(['client', 'info'])

/** @throws {TenancyError} `ARGUMENT_INVALID` for a secret that is too short. */
export function usersOf({ admin, secret }: UsersOptions, spaceOf: (tenant: Tenant) => Keyspace): Users {
  if (secret.reveal().length < 32) {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'users.secret', rule: 'must have at least 32 characters' })
  }
  const nameOf = ({ id }: Pick<Tenant, 'id'>): string => `tenant_${tenantDigest(id)}`
  const passwordOf = ({ id }: Pick<Tenant, 'id'>): string =>
    createHmac('sha256', secret.reveal()).update(`tenantry redis ${id}`).digest('base64url')

  async function logIn(tenant: Tenant, base: Redis): Promise<Redis> {
    const login = { username: nameOf(tenant), password: passwordOf(tenant) }
    // The check would ask for INFO, which counts everybody's keys.
    const client = base.duplicate({ ...login, lazyConnect: true, enableReadyCheck: false })
    let refused: string | undefined
    client.on('error', (error: Error) => {
      refused ??= /^(?:WRONGPASS|NOAUTH|NOPERM)/.exec(error.message)?.[0]
      giveUp(client, error)
    })
    try {
      await client.connect()
    } catch {
      client.disconnect()
      // The driver's own error holds the command with the password in it.
      if (refused !== undefined) {
        if ((await told(nameOf(tenant)))?.isOff === true) throw suspended(tenant)
        throw new TenancyError('CREDENTIALS_REFUSED', { source: 'redis', reason: `${refused}; provision the tenant` })
      }
      throw new TenancyError('DATABASE_UNAVAILABLE', { reason: 'no connection to Redis' })
    }
    return client
  }

  /** What the server tells of a user: the patterns of its keys, and whether it may not log in; `undefined` when there is none. */
  async function told(name: string): Promise<{ readonly keys: string; readonly isOff: boolean } | undefined> {
    const all = (await coded(admin.call('ACL', 'GETUSER', name))) as unknown[] | null
    if (all === null) return undefined
    const of = (field: string) => all[all.indexOf(field) + 1]
    return { keys: String(of('keys')), isOff: (of('flags') as readonly unknown[]).includes('off') }
  }

  /** What a tenant's user may do, as far as this server knows of it: a name that it does not know is an error. */
  async function grants(): Promise<readonly string[]> {
    const table = await serverTable(admin)
    return [...allowedNames, ...connecting]
      .filter(name => table.has(name) && !tellsNames.has(name) && !inParts.has(name))
      .map(name => `+${name.replace(' ', '|')}`)
  }

  /** Whether the tenant has a user, and may log in. */
  async function own(tenant: Tenant): Promise<'none' | 'on' | 'off'> {
    const found = await told(nameOf(tenant))
    if (found === undefined) return 'none'
    // A tenant's user can be known by its keys only: users have no comments.
    if (found.keys === `~${spaceOf(tenant).prefix}*`) return found.isOff ? 'off' : 'on'
    throw new TenancyError('OBJECT_FOREIGN', { kind: 'user', name: nameOf(tenant), owner: 'somebody else' })
  }

  return {
    admin,
    logIn,
    async provide(tenant) {
      try {
        // One that is suspended stays so.
        const state = (await own(tenant)) === 'off' ? 'off' : 'on'
        const { prefix } = spaceOf(tenant)
        const hash = createHash('sha256').update(passwordOf(tenant)).digest('hex')
        const rules = ['reset', state, `#${hash}`, `~${prefix}*`, `&${prefix}*`, '-@all', ...(await grants())]
        // One command, so that there is never a user with half of its rules.
        await admin.call('ACL', 'SETUSER', nameOf(tenant), ...rules)
      } catch (error) {
        const known = error instanceof Error ? connectionError(error) : error
        if (isTenancyError(known)) throw known
        // Without the cause, which holds the whole command.
        const reason = error instanceof Error ? error.message : 'unknown'
        throw new TenancyError('PROVISIONING_FAILED', { tenant: tenant.id, step: 'making its user', reason })
      }
    },
    async remove(tenant) {
      if ((await own(tenant)) === 'none') return false
      await admin.call('ACL', 'DELUSER', nameOf(tenant))
      return true
    },
    async suspend(tenant) {
      if ((await own(tenant)) === 'none') return
      await coded(admin.call('ACL', 'SETUSER', nameOf(tenant), 'off'))
      // In this order: who logs in between the two is ended too, and nobody behind.
      await coded(admin.call('CLIENT', 'KILL', 'USER', nameOf(tenant)))
    },
    async resume(tenant) {
      if ((await own(tenant)) === 'off') await coded(admin.call('ACL', 'SETUSER', nameOf(tenant), 'on'))
    },
    async explain(tenant, error) {
      // Connections of its are refused when they log in again, or were ended just now.
      const isOfUser = isTenancyError(error) && /^(?:CREDENTIALS_REFUSED|CONNECTION_LOST)$/.test(error.code)
      return isOfUser && (await told(nameOf(tenant)))?.isOff === true ? suspended(tenant) : error
    },
    find: async tenant => ((await own(tenant)) === 'none' ? undefined : nameOf(tenant)),
  }
}

function suspended({ id }: Tenant): TenancyError<'TENANT_SUSPENDED'> {
  return new TenancyError('TENANT_SUSPENDED', { tenant: id })
}

/**
 * A client whose login is no longer taken would try for ever, and what was asked of it wait for as long: the driver counts attempts to
 * connect, and connect it can.
 */
export function giveUp(client: Redis, error: Error): void {
  if (isOfLogin(error)) client.disconnect()
}
