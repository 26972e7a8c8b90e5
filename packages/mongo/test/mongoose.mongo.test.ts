import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createTenancy, memoryRegistry, tenantDigest } from '@tenantry/core'
import { describeMongo } from '@tenantry/servers/vitest'
import type { Model, Mongoose } from 'mongoose'
import { afterAll, beforeAll, it } from 'vitest'
import { type MongoDatabase, mongoDatabase } from '../src/index.ts'
import { tenantMongoose } from './fixtures/tenant-mongoose.ts'
import { codeOf, silent, type WatchedClient, watchedClient } from './support.ts'

interface Note {
  readonly _id: string
  text: string
  author?: string
}

describeMongo('Mongoose', mongo => {
  const registry = memoryRegistry()
  const tenancy = createTenancy({ registry, logger: silent })
  const acme = registry.add({ id: 'acme', slug: 'acme', name: 'Acme' })
  const globex = registry.add({ id: 'globex', slug: 'globex', name: 'Globex' })
  let watched: WatchedClient
  let isolation: MongoDatabase
  let mongoose: Mongoose
  let notes: Model<Note>

  beforeAll(async () => {
    watched = watchedClient(mongo)
    isolation = mongoDatabase({
      client: watched.client,
      keyPrefix: mongo.prefix,
      transactions: mongo.hasTransactions,
      logger: silent,
    })
    await isolation.provision(acme)
    await isolation.provision(globex)
    await isolation.ready()
    mongoose = tenantMongoose(tenancy.handle(isolation))
    const schema = new mongoose.Schema<Note>({ _id: String, text: String, author: { type: String, ref: 'Author' } })
    notes = mongoose.model<Note>('Note', schema)
    mongoose.model('Author', new mongoose.Schema({ _id: String, name: String }))
    watched.sent.length = 0
  })
  afterAll(async () => {
    await isolation.close()
    await watched.client.close()
  })

  it('I01 its models work for the current tenant, all of them with one definition', async () => {
    for (const tenant of [acme, globex]) {
      await tenancy.run(tenant, async () => {
        await notes.create({ _id: '1', text: `of ${tenant.id}`, author: 'a' })
        await mongoose.model('Author').create({ _id: 'a', name: tenant.name })
        const note = await notes.findById('1').orFail()
        note.text += ', saved'
        await note.save()
      })
    }
    for (const tenant of [acme, globex]) {
      await tenancy.run(tenant, async () => {
        assert.equal((await notes.findOne({ _id: '1' }).lean())?.text, `of ${tenant.id}, saved`)
        const populated = await notes.findOne().populate<{ author: { name: string } }>('author').orFail()
        assert.equal(populated.author.name, tenant.name)
        assert.deepEqual(await notes.aggregate([{ $group: { _id: null, n: { $sum: 1 } } }]), [{ _id: null, n: 1 }])
        assert.equal(await notes.countDocuments(), 1)
        await notes.insertMany([{ _id: '2', text: 'b' }])
        await notes.updateMany({}, { text: 'changed' })
        await notes.bulkWrite([{ updateOne: { filter: { _id: '2' }, update: { text: 'in bulk' } } }])
        const texts: string[] = []
        for await (const { text } of notes.find().sort('_id').cursor()) texts.push(text)
        assert.deepEqual(texts, ['changed', 'in bulk'])
        assert.deepEqual(await notes.distinct('text'), ['changed', 'in bulk'])
        await notes.deleteOne({ _id: '2' })
        assert.equal(
          (await notes.findOneAndUpdate({ _id: '1' }, { text: 'last' }, { returnDocument: 'after' }))?.text,
          'last',
        )
      })
    }
    const own = new Set([acme, globex].map(({ id }) => `${mongo.prefix}${tenantDigest(id)}`))
    assert.deepEqual(new Set(watched.sent.map(({ databaseName }) => databaseName)), own)
  })

  it('M1 M2 refuses what leads out, and works for nobody', async () => {
    watched.sent.length = 0
    assert.equal(await codeOf(() => notes.findOne()), 'TENANT_CONTEXT_MISSING')
    assert.equal(await codeOf(() => notes.create({ _id: '9', text: '' })), 'TENANT_CONTEXT_MISSING')
    await tenancy.run(acme, async () => {
      assert.equal(
        await codeOf(() => notes.aggregate([{ $out: { db: 'other', coll: 'x' } as never }])),
        'STATEMENT_REFUSED',
      )
      assert.equal(await codeOf(() => notes.find({ $where: 'true' })), 'STATEMENT_REFUSED')
      assert.throws(() => mongoose.connection.useDb('other'), /tenant’s own/)
      await assert.rejects(mongoose.connect(mongo.url))
    })
    assert.equal(mongoose.connection.db, undefined)
    assert.throws(() => mongoose.connection.getClient().db('other'))
    assert.deepEqual(watched.sent, [])
  })
})

it('the recipe of docs/mongodb.md is the one that is tested', () => {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
  const [, recipe = ''] = /<!-- mongoose -->\n```ts\n(.*?)```/s.exec(read('../../../docs/mongodb.md')) ?? []
  const body = (text: string) => text.slice(text.indexOf('type Native'))
  assert.equal(body(recipe), body(read('./fixtures/tenant-mongoose.ts')))
  assert.ok(recipe.includes('export function tenantMongoose'))
})
