import type { Tenant } from '@tenantry/core'
import { redisKeyspace } from '@tenantry/redis'
import { Redis } from 'ioredis'
import type { Measure } from '../measure.ts'
import { benchTenants } from './bench-tenants.ts'

/** Many tenants, each with a client of its own, in a process that may have a few of them; plain JSON. */
export interface ManyTenants {
  readonly tenants: number
  readonly requests: number
  readonly wrong: number
  readonly measures: readonly Measure[]
}

const cap = 20
const nothing = (): void => undefined

/** Requests of tenants in an order that is nobody's; the server is asked again and again how many clients it has. */
export async function connectMany(url: string, tenants: number): Promise<ManyTenants> {
  const all = benchTenants(tenants)
  const admin = new Redis(url)
  const before = await clientsOf(admin)
  const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }
  const isolation = redisKeyspace({ open: () => new Redis(url), maxClients: cap, waitForClient: 60_000, logger })
  const requests = tenants * 4
  let [next, wrong, most] = [0, 0, 0]
  async function work(): Promise<void> {
    while (next < requests) {
      const tenant = all[(next++ * 7919) % tenants] as Tenant
      const db = isolation.handle(() => tenant)
      await db.set('id', tenant.id)
      if ((await db.get('id')) !== tenant.id) wrong += 1
      if (next % 10 === 0) most = Math.max(most, (await clientsOf(admin)) - before)
    }
  }
  await Promise.all(Array.from({ length: 64 }, work))
  await isolation.close()
  admin.disconnect()
  return {
    ...{ tenants, requests, wrong },
    measures: [
      { what: `clients at once, of ${tenants} tenants`, value: most, unit: '', atMost: cap },
      { what: 'wrong answers', value: wrong, unit: '', atMost: 0 },
    ],
  }
}

async function clientsOf(admin: Redis): Promise<number> {
  return Number(/connected_clients:(\d+)/.exec(await admin.info('clients'))?.[1])
}
