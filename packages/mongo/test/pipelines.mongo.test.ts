import assert from 'node:assert/strict'
import { describeMongo } from '@tenantry/servers/vitest'
import fc from 'fast-check'
import { BSON, type Collection, type Document } from 'mongodb'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type MongoDatabase, mongoDatabase } from '../src/index.ts'
import { escapingStages, shifting, wraps } from './fixtures/escaping-pipelines.ts'
import { honestPipelines } from './fixtures/honest-pipelines.ts'
import { codeOf, silent, tenantOf, type WatchedClient, watchedClient } from './support.ts'

type Ways = Readonly<Record<string, (notes: Collection, pipeline: Document[]) => unknown>>

/** Every way in which a pipeline gets into a command. */
const ways: Ways = {
  aggregate: (notes, pipeline) => notes.aggregate(pipeline).toArray(),
  'addStage, one by one': (notes, pipeline) => {
    const cursor = notes.aggregate([])
    for (const stage of pipeline) cursor.addStage(stage)
    return cursor.toArray()
  },
  updateOne: (notes, pipeline) => notes.updateOne({}, pipeline),
  updateMany: (notes, pipeline) => notes.updateMany({}, pipeline),
  findOneAndUpdate: (notes, pipeline) => notes.findOneAndUpdate({}, pipeline),
  bulkWrite: (notes, pipeline) => notes.bulkWrite([{ updateOne: { filter: {}, update: pipeline } }]),
  watch: (notes, pipeline) => notes.watch(pipeline).next(),
}

describeMongo('the fence of pipelines', mongo => {
  let watched: WatchedClient
  let isolation: MongoDatabase
  let notes: Collection
  const acme = tenantOf('acme')

  beforeAll(async () => {
    watched = watchedClient(mongo)
    isolation = mongoDatabase({
      client: watched.client,
      keyPrefix: mongo.prefix,
      transactions: mongo.hasTransactions,
      logger: silent,
    })
    await isolation.provision(acme)
    const handle = isolation.handle(() => acme)
    notes = handle.collection('notes')
    await handle.collection<{ _id: number }>('authors').insertMany([{ _id: 1 }, { _id: 2 }])
    await notes.insertMany([1, 2, 3].map(n => ({ n, author: n % 2, text: `a${n}`, tags: ['a', 'b'], at: new Date(0) })))
    watched.sent.length = 0
  })
  afterAll(async () => {
    await isolation.close()
    await watched.client.close()
  })

  it('has corpora that are large enough', () => {
    expect(Object.keys(escapingStages).length).toBeGreaterThanOrEqual(60)
    expect(Object.keys(honestPipelines).length).toBeGreaterThanOrEqual(60)
  })

  for (const [way, send] of Object.entries(ways)) {
    it.for(Object.entries(escapingStages))(
      `M2 M4 M5 by ${way}, %s is refused before anything is sent`,
      async ([, stage]) => {
        for (const pipeline of [[stage], [{ $match: { a: 1 } }, stage], [stage, { $limit: 1 }]])
          assert.equal(await codeOf(() => send(notes, pipeline)), 'STATEMENT_REFUSED')
        assert.deepEqual(watched.sent, [])
      },
    )
  }

  it('M2 a stage that escapes is refused at any depth', async () => {
    const escaping = fc.constantFrom(...Object.values(escapingStages))
    const harmless = fc.array(fc.constantFrom<Document>({ $match: { a: 1 } }, { $limit: 1 }, { $sort: { a: 1 } }), {
      maxLength: 2,
    })
    const layers = fc.array(fc.tuple(fc.nat(wraps.length - 1), harmless, harmless), { maxLength: 6 })
    const property = fc.asyncProperty(escaping, layers, async (stage, wrapped) => {
      let pipeline: readonly Document[] = [stage]
      for (const [at, before, after] of wrapped)
        pipeline = [...before, (wraps[at] as (typeof wraps)[0])(pipeline), ...after]
      assert.equal(await codeOf(() => notes.aggregate([...pipeline]).toArray()), 'STATEMENT_REFUSED')
    })
    await fc.assert(property, { numRuns: 2000 })
    assert.deepEqual(watched.sent, [])
  })

  it.for(Object.entries(shifting))('M2 %s fools nobody: what was checked is what is sent', async ([, make]) => {
    for (const send of Object.values(ways)) {
      watched.sent.length = 0
      const outcome = await codeOf(() => send(notes, make() as Document[]))
      // The harmless side of a value with two faces may be sent; the other one never.
      const text = JSON.stringify(watched.sent.map(({ command }) => command))
      assert.ok(!text.includes('t_other'), text)
      if (watched.sent.length === 0) assert.match(outcome, /^(STATEMENT_REFUSED|ARGUMENT_INVALID)$/)
    }
    watched.sent.length = 0
  })

  it('M2 the options of a pipeline name no database and no collection', async () => {
    for (const options of [
      { dbName: 't_other' },
      { authdb: 't_other' },
      { out: 'notes' },
      { db: 't_other' },
      { session: {} },
      { rawData: true },
    ])
      assert.equal(await codeOf(() => notes.aggregate([], options as never).toArray()), 'STATEMENT_REFUSED')
    assert.deepEqual(watched.sent, [])
  })

  it.for(Object.entries(honestPipelines))('passes %s, unchanged', async ([, { pipeline, isKnown = true }]) => {
    watched.sent.length = 0
    const found = await notes
      .aggregate([...pipeline])
      .toArray()
      .catch((error: unknown) => error)
    const [command] = watched.sent.filter(({ commandName }) => commandName === 'aggregate')
    assert.equal(command?.databaseName, notes.dbName)
    // Byte for byte, so that no type of a value is lost on the way through the fence.
    assert.deepEqual(BSON.serialize({ pipeline: command?.command.pipeline }), BSON.serialize({ pipeline }))
    // What this server does not know, it says by an error of its own, and that it was asked is what counts.
    if (isKnown || mongo.kind !== 'mongo-java-server') assert.ok(Array.isArray(found), String(found))
    watched.sent.length = 0
  })

  it('lets JavaScript in by option only', async () => {
    const open = mongoDatabase({
      client: watched.client,
      keyPrefix: mongo.prefix,
      transactions: false,
      javascript: true,
      logger: silent,
    })
    const collection = open.handle(() => acme).collection('notes')
    await collection
      .find({ $where: 'true' })
      .toArray()
      .catch(() => undefined)
    assert.ok(watched.sent.some(({ command }) => command.filter?.$where === 'true'))
    await open.close()
  })
})
