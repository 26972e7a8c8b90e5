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
      // Over an empty target: members of a facade cannot be replaced, and a proxy over one may not say that they were.
      const instead = <T extends object>(target: T, give: (key: string) => unknown): T =>
        new Proxy({} as T, { get: (_, key) => give(String(key)) ?? Reflect.get(target, key) })
      return instead(handle, key => {
        if (key !== 'collection') return undefined
        return (name: string) =>
          instead(handle.collection(name), member => {
            if (!members.includes(member)) return undefined
            const real = client.db(source().placement.mongo_database).collection(name)
            return Reflect.get(real, member).bind(real)
          })
      })
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
