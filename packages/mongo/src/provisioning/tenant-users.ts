import { createHmac } from 'node:crypto'
import { type Awaitable, type Secret, secret, TenancyError, type Tenant, tenantDigest } from '@tenantry/core'
import type { MongoClient } from 'mongodb'

/** The password of a tenant's user, the same each time it is asked for. */
export type TenantPasswords = (tenant: Tenant) => Awaitable<Secret>

/**
 * Passwords made of one master secret and the tenant's id (HMAC-SHA-256, RFC 2104): nothing to store for each tenant. Whoever has the
 * master has them all; another one means another password for every user, which `provision` sets.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for a master of fewer than 32 characters.
 */
export function derivedPasswords(master: Secret): TenantPasswords {
  const key = master.reveal()
  if (key.length < 32)
    throw new TenancyError('ARGUMENT_INVALID', { field: 'master', rule: 'must have at least 32 characters' })
  return ({ id }) => secret(createHmac('sha256', key).update(`tenantry mongo password\0${id}`).digest('base64url'))
}

interface UserInfo {
  readonly user: string
  readonly customData?: { readonly tenantry?: unknown }
}

/** A user of a database that is named as the database, and may read and write there and nowhere else. */
async function find(admin: MongoClient, database: string): Promise<UserInfo | undefined> {
  const { users } = await admin.db(database).command({ usersInfo: { user: database, db: database } })
  return (users as readonly UserInfo[])[0]
}

function refuseForeign(user: UserInfo, tenant: Pick<Tenant, 'id'>): void {
  if (user.customData?.tenantry === tenantDigest(tenant.id)) return
  throw new TenancyError('OBJECT_FOREIGN', { kind: 'user', name: user.user, owner: 'somebody else' })
}

/**
 * Makes the tenant's user, or gives it its password and its one role again.
 *
 * @throws {TenancyError} `OBJECT_FOREIGN` for a user of that name that is not marked as this tenant's.
 * @see https://www.mongodb.com/docs/manual/reference/command/createUser/
 */
export async function makeUser(admin: MongoClient, tenant: Tenant, database: string, password: Secret): Promise<void> {
  const found = await find(admin, database)
  if (found !== undefined) refuseForeign(found, tenant)
  const rights = {
    pwd: password.reveal(),
    roles: [{ role: 'readWrite', db: database }],
    customData: { tenantry: tenantDigest(tenant.id) },
  }
  await admin
    .db(database)
    .command(found === undefined ? { createUser: database, ...rights } : { updateUser: database, ...rights })
}

/** Whether the tenant has a user. @throws {TenancyError} `OBJECT_FOREIGN` */
export async function hasUser(admin: MongoClient, tenant: Pick<Tenant, 'id'>, database: string): Promise<boolean> {
  const found = await find(admin, database)
  if (found !== undefined) refuseForeign(found, tenant)
  return found !== undefined
}

/** @returns how many users there were. @throws {TenancyError} `OBJECT_FOREIGN` */
export async function dropUser(admin: MongoClient, tenant: Pick<Tenant, 'id'>, database: string): Promise<number> {
  const found = await find(admin, database)
  if (found === undefined) return 0
  refuseForeign(found, tenant)
  await admin.db(database).command({ dropUser: database })
  return 1
}
