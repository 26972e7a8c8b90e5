import type { Isolation, Tenant } from '@tenantry/core'
import type { TenantMongo } from '@tenantry/mongo'
import type { MongoClient } from 'mongodb'

/** An isolation with one thing broken. */
export type Break = (isolation: Isolation<TenantMongo>, client: MongoClient) => Isolation<TenantMongo>

/** Replaces members of the collections of a handle by the driver's own, of the tenant that asks. */
function unfenced(
  isolation: Isolation<TenantMongo>,
  client: MongoClient,
  members: readonly string[],
): Isolation<TenantMongo> {
  return {
    ...isolation,
    handle(source) {
      const handle = isolation.handle(source)
      const collection: TenantMongo['collection'] = (name, options) =>
        new Proxy(handle.collection(name, options), {
          get(target, key) {
            if (!members.includes(String(key))) return Reflect.get(target, key)
            const real = client.db(source().placement.mongo_database).collection(name)
            return Reflect.get(real, key).bind(real)
          },
        }) as never
      return new Proxy(handle, { get: (target, key) => (key === 'collection' ? collection : Reflect.get(target, key)) })
    },
  }
}

/** What the storm must catch. */
export const mutants: Readonly<Record<string, Break>> = {
  'pipelines are sent as they are': (isolation, client) => unfenced(isolation, client, ['aggregate']),
  'cursors serve whoever holds them': (isolation, client) => unfenced(isolation, client, ['find']),
  'options are handed on': (isolation, client) => unfenced(isolation, client, ['insertOne', 'updateOne']),
  'a handle remembers its first tenant for a while': isolation => ({
    ...isolation,
    handle(source) {
      let remembered: Tenant | undefined
      let uses = 0
      return isolation.handle(() => {
        const current = source()
        uses += 1
        if (remembered === undefined || uses % 50 === 0) remembered = current
        // Only now and then, as a cache would that is keyed by too little.
        return uses % 25 === 0 ? remembered : current
      })
    },
  }),
}
