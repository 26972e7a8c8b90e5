import { TenancyError, type Tenant } from '@tenantry/core'
import type { MongoClient } from 'mongodb'
import type { Borrowed, ClientSource } from './client-source.ts'

function nothing(): void {
  // Whoever opened the client closes it.
}

/** One client for all tenants, or one for each server, which `placement.mongo_server` names. */
export function sharedClients(
  clients: MongoClient | Readonly<Record<string, MongoClient>>,
  isOne: boolean,
): ClientSource {
  const named = new Map<string, MongoClient>(isOne ? [] : Object.entries(clients as Record<string, MongoClient>))
  const standing = isOne ? [clients as MongoClient] : [...named.values()]

  async function borrow({ id, placement }: Tenant): Promise<Borrowed> {
    if (isOne) return { client: clients as MongoClient, server: '', release: nothing }
    const server = placement.mongo_server
    const client = server === undefined ? undefined : named.get(server)
    if (server === undefined || client === undefined) {
      const problem =
        server === undefined ? 'mongo_server is required: there are several' : 'mongo_server names no client'
      throw new TenancyError('PLACEMENT_INVALID', { tenant: id, problem })
    }
    return { client, server, release: nothing }
  }

  return {
    ignoreUndefined: standing.some(({ bsonOptions }) => bsonOptions.ignoreUndefined === true),
    borrow,
    administer: borrow,
    standing,
    size: 0,
    evict: async () => undefined,
    close: async () => undefined,
  }
}
