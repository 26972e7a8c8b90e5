import { mongoDatabase } from '@tenantry/mongo'
import type { MongoServer } from '@tenantry/servers'
import type { Measure } from '../measure.ts'
import { silent, tenantIn } from './tenants.ts'

/** Plain JSON. */
export interface ManyResult {
  readonly tenants: number
  readonly cap: number
  /** From the first operation of all to the last answer. */
  readonly seconds: number
  readonly measures: readonly Measure[]
}

const cap = 50

/** Tenants with a URI each come all at once, twice; every one is served, by at most so many clients. */
export async function connectMany(server: MongoServer, count: number): Promise<ManyResult> {
  const limits = { max: cap, wait: 120_000, options: { maxPoolSize: 1 } }
  const isolation = mongoDatabase({
    uri: () => server.url,
    limits,
    transactions: server.hasTransactions,
    logger: silent,
  })
  const tenants = Array.from({ length: count }, (_, n) => tenantIn(`${server.prefix}many_${n}`))
  for (const tenant of tenants) await isolation.provision(tenant)
  let most = 0
  let served = 0
  const start = performance.now()
  const visits = [...tenants, ...tenants].map(async tenant => {
    const notes = isolation.handle(() => tenant).collection<{ _id: string }>('notes')
    await notes.updateOne({ _id: tenant.id }, { $inc: { visits: 1 } }, { upsert: true })
    most = Math.max(most, isolation.clients)
    if ((await notes.findOne())?._id === tenant.id) served += 1
  })
  await Promise.all(visits)
  const seconds = (performance.now() - start) / 1000
  await isolation.close()
  const measures: Measure[] = [
    { what: 'clients open at once', value: most, unit: '', atMost: cap },
    { what: 'visits that were served their own', value: served, unit: '', atLeast: 2 * count },
    { what: 'clients open after closing', value: isolation.clients, unit: '', atMost: 0 },
  ]
  return { tenants: count, cap, seconds, measures }
}
