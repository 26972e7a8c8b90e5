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

  const lent = new Map([...named].map(([server, client]) => [server, { client, server, release: nothing }]))
  const only = isOne ? { client: clients as MongoClient, server: '', release: nothing } : undefined

  function atHand({ placement }: Tenant): Borrowed | undefined {
    return only ?? lent.get(placement.mongo_server ?? '')
  }

  async function borrow(tenant: Tenant): Promise<Borrowed> {
    const borrowed = atHand(tenant)
    if (borrowed !== undefined) return borrowed
    const isNamed = tenant.placement.mongo_server !== undefined
    const problem = isNamed ? 'mongo_server names no client' : 'mongo_server is required: there are several'
    throw new TenancyError('PLACEMENT_INVALID', { tenant: tenant.id, problem })
  }

  return {
    ignoreUndefined: standing.some(({ bsonOptions }) => bsonOptions.ignoreUndefined === true),
    atHand,
    borrow,
    administer: borrow,
    standing,
    size: 0,
    evict: async () => undefined,
    close: async () => undefined,
  }
}
