import { createTenancy, memoryRegistry } from '@tenantry/core'
import { mongoDatabase } from '@tenantry/mongo'
import type { MongoServer } from '@tenantry/servers'
import { MongoClient } from 'mongodb'
import { type InterleaveOptions, interleave } from '../interleave.ts'
import type { Measure } from '../measure.ts'
import { median, medianOfRounds } from '../median.ts'
import { silent, tenantIn } from './tenants.ts'

interface Note {
  readonly _id: number
  readonly text: string
}

/** What comes of one concurrency; plain JSON. */
export interface ReadResult {
  readonly concurrency: number
  /** Microseconds a document. */
  readonly driver: number
  readonly tenant: number
  readonly measures: readonly Measure[]
}

const documents = 1000

/** Finds documents by their ids: as a tenant, in its context, and by the driver that is told the database. */
export async function compareReads(
  server: MongoServer,
  options: Pick<InterleaveOptions, 'rounds' | 'operations'>,
): Promise<ReadResult[]> {
  const client = new MongoClient(server.url)
  const isolation = mongoDatabase({ client, transactions: server.hasTransactions, logger: silent })
  const tenancy = createTenancy({ registry: memoryRegistry(), logger: silent })
  const tenant = tenantIn(`${server.prefix}reads`)
  await isolation.provision(tenant)
  const scoped = tenancy.handle(isolation).collection<Note>('notes')
  const plain = client.db(`${server.prefix}reads`).collection<Note>('notes')
  await plain.insertMany(Array.from({ length: documents }, (_, n) => ({ _id: n, text: `note ${n}` })))
  const subjects = {
    driver: (id: number) => plain.findOne({ _id: id }),
    tenant: (id: number) => tenancy.run(tenant, () => scoped.findOne({ _id: id })),
  }
  for (const [name, read] of Object.entries(subjects)) {
    const found = await read(7)
    if (found?.text !== 'note 7') throw new Error(`${name} read "${found?.text}" instead of "note 7".`)
  }
  const results: ReadResult[] = []
  for (const concurrency of [1, 16]) {
    const title = `concurrency ${concurrency}`
    const times = await interleave(subjects, {
      ...options,
      title,
      concurrency,
      argument: index => (index * 7919) % documents,
    })
    const value = medianOfRounds(times, round => round.tenant / round.driver)
    const measures = [{ what: 'find one: a tenant / the driver', value, unit: '×', atMost: 1.05 } as const]
    results.push({ concurrency, driver: median(times.driver), tenant: median(times.tenant), measures })
  }
  await isolation.close()
  await client.close()
  return results
}
