import { createTenancy, memoryRegistry } from '@tenantry/core'
import { mongoDatabase } from '@tenantry/mongo'
import type { MongoServer } from '@tenantry/servers'
import { MongoClient } from 'mongodb'
import { type InterleaveOptions, interleave } from '../interleave.ts'
import type { Measure } from '../measure.ts'
import { median, medianOfRounds } from '../median.ts'
import { silent } from './tenants.ts'

interface Note {
  readonly _id: number
  readonly text: string
}

/** What comes of one concurrency; plain JSON. */
export interface ReadResult {
  readonly concurrency: number
  /** Microseconds a document, by subject. */
  readonly microseconds: Readonly<Record<string, number>>
  readonly measures: readonly Measure[]
}

const documents = 1000

/** Finds documents by their ids: through a handle, and by the driver that is told the database; then both in a request's context. */
export async function compareReads(
  server: MongoServer,
  options: Pick<InterleaveOptions, 'rounds' | 'operations'>,
): Promise<ReadResult[]> {
  const client = new MongoClient(server.url)
  const isolation = mongoDatabase({ client, transactions: server.hasTransactions, logger: silent })
  const registry = memoryRegistry()
  const tenancy = createTenancy({ registry, logger: silent })
  const placement = { mongo_database: `${server.prefix}reads` }
  const tenant = registry.add({ id: 'reads', slug: 'reads', name: 'reads', placement })
  await isolation.provision(tenant)
  const plain = client.db(placement.mongo_database).collection<Note>('notes')
  const scoped = isolation.handle(() => tenant).collection<Note>('notes')
  const current = tenancy.handle(isolation).collection<Note>('notes')
  await plain.insertMany(Array.from({ length: documents }, (_, n) => ({ _id: n, text: `note ${n}` })))
  const subjects = {
    driver: (id: number) => plain.findOne({ _id: id }),
    handle: (id: number) => scoped.findOne({ _id: id }),
    driverInContext: (id: number) => tenancy.run(tenant, () => plain.findOne({ _id: id })),
    handleInContext: (id: number) => tenancy.run(tenant, () => current.findOne({ _id: id })),
  }
  for (const [name, read] of Object.entries(subjects)) {
    const found = await read(7)
    if (found?.text !== 'note 7') throw new Error(`${name} read "${found?.text}" instead of "note 7".`)
  }
  const results: ReadResult[] = []
  for (const concurrency of [1, 16]) {
    const title = `concurrency ${concurrency}`
    const argument = (index: number) => (index * 7919) % documents
    const times = await interleave(subjects, { ...options, title, concurrency, argument })
    const ratio = (of: keyof typeof subjects, to: keyof typeof subjects) =>
      medianOfRounds(times, round => round[of] / round[to])
    const measures: Measure[] = [
      { what: 'handle / driver', value: ratio('handle', 'driver'), unit: '×', atMost: 1.05 },
      { what: 'the same in a context', value: ratio('handleInContext', 'driverInContext'), unit: '×' },
      { what: 'what the context costs the driver', value: ratio('driverInContext', 'driver'), unit: '×' },
    ]
    const microseconds = Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]))
    results.push({ concurrency, microseconds, measures })
  }
  await isolation.close()
  await client.close()
  return results
}
