import { type Erasure, type Holding, type Logger, TenancyError, type Tenant } from '@tenantry/core'
import type { Db } from 'mongodb'
import type { ClientSource } from '../clients/client-source.ts'
import { databaseError } from '../database-error.ts'
import { type declareIndexes, makeIndexes } from '../indexes.ts'
import { finishMark, markCollection, readMark, writeMark } from '../owner-mark.ts'
import type { Stores } from '../stores.ts'
import { dropUser, hasUser, makeUser, type TenantPasswords } from './tenant-users.ts'

/** Options of {@link createProvisioning}. */
export interface ProvisioningOptions {
  readonly source: ClientSource
  readonly stores: Stores
  readonly database: (tenant: Tenant) => string
  readonly indexes: ReturnType<typeof declareIndexes>
  /** Where each tenant has a user. */
  readonly passwords: TenantPasswords | undefined
  readonly logger: Logger
}

/** Makes and erases the databases of tenants. */
export interface Provisioning {
  provision(tenant: Tenant): Promise<void>
  deprovision(tenant: Tenant): Promise<Erasure>
  inventory(tenant: Tenant): Promise<readonly Holding[]>
}

/**
 * Every step can be done again: the mark is written first and says `making` until all is there, and goes last. What has no mark is
 * somebody else's, and is neither adopted nor dropped.
 */
export function createProvisioning({
  source,
  stores,
  database,
  indexes,
  passwords,
  logger,
}: ProvisioningOptions): Provisioning {
  async function administered<T>(tenant: Tenant, work: (db: Db, name: string) => Promise<T>): Promise<T> {
    const name = database(tenant)
    try {
      const { client, server, release } = await source.administer(tenant, name)
      try {
        stores.claim(tenant, server, name)
        return await work(client.db(name), name)
      } finally {
        release()
      }
    } catch (error) {
      throw databaseError(error, tenant)
    }
  }

  return {
    async provision(tenant) {
      await administered(tenant, async (db, name) => {
        let ownership = await readMark(db, tenant)
        if (ownership === 'none') {
          if ((await collectionsOf(db)).length > 0) refuseForeign(name, 'somebody who left no owner mark')
          ownership = await writeMark(db, tenant)
        }
        if (ownership === 'foreign') refuseForeign(name, 'another tenant')
        if (passwords !== undefined) await makeUser(db.client, tenant, name, await passwords(tenant))
        await makeIndexes(db, tenant, indexes, logger)
        if (ownership !== 'ready') await finishMark(db, tenant)
      })
      stores.forget(tenant)
    },

    async deprovision(tenant) {
      return stores.without(tenant, async () => {
        const erased = await administered(tenant, async (db, name) => {
          const ownership = await readMark(db, tenant)
          const there = await collectionsOf(db)
          const isNothing = ownership === 'none' && there.length === 0
          if (ownership === 'none' && !isNothing) refuseForeign(name, 'somebody who left no owner mark')
          if (ownership === 'foreign') refuseForeign(name, 'another tenant')
          // First the user: nobody writes then, so that no write makes the database anew behind this one's back (M9).
          const users = passwords === undefined ? 0 : await dropUser(db.client, tenant, name)
          const erasedUsers = users === 0 ? [] : [{ kind: 'user', name, count: users }]
          if (isNothing) return erasedUsers
          const collections = there.filter(each => each.name !== markCollection)
          const counted = await countDocuments(db, collections)
          // The mark goes last, with the database: what a crash leaves is still the tenant's.
          for (const each of collections) await db.dropCollection(each.name)
          await db.dropDatabase()
          await requireGone(db, tenant)
          return [...counted, { kind: 'database', name, count: 1 }, ...erasedUsers]
        })
        await source.evict(tenant)
        return { tenant: tenant.id, erased }
      })
    },

    async inventory(tenant) {
      return administered(tenant, async (db, name) => {
        const ownership = await readMark(db, tenant)
        const there = await collectionsOf(db)
        if (ownership === 'none' && there.length > 0) refuseForeign(name, 'somebody who left no owner mark')
        if (ownership === 'foreign') refuseForeign(name, 'another tenant')
        const isUser = passwords !== undefined && (await hasUser(db.client, tenant, name))
        return [
          ...(await countDocuments(
            db,
            there.filter(each => each.name !== markCollection),
          )),
          ...(ownership === 'none' ? [] : [{ kind: 'database', name, count: 1 }]),
          ...(isUser ? [{ kind: 'user', name, count: 1 }] : []),
        ]
      })
    },
  }
}

async function countDocuments(
  db: Db,
  collections: Awaited<ReturnType<typeof collectionsOf>>,
): Promise<readonly Holding[]> {
  return Promise.all(
    collections.map(async ({ name, type }) => ({
      kind: type ?? 'collection',
      name: `${db.databaseName}.${name}`,
      count: type === 'view' ? 0 : await db.collection(name).countDocuments({}),
    })),
  )
}

async function collectionsOf(db: Db) {
  const found = await db.listCollections({}, { nameOnly: true }).toArray()
  // Views and time series bring collections of the server's own, which go with them.
  return found.filter(({ name }) => !name.startsWith('system.'))
}

async function requireGone(db: Db, { id }: Tenant): Promise<void> {
  const left = await collectionsOf(db)
  if (left.length > 0)
    throw new TenancyError('ERASURE_INCOMPLETE', {
      tenant: id,
      objects: left.map(({ name }) => `${db.databaseName}.${name}`),
    })
}

function refuseForeign(name: string, owner: string): never {
  throw new TenancyError('OBJECT_FOREIGN', { kind: 'database', name, owner })
}
