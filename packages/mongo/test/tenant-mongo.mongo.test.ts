import assert from 'node:assert/strict'
import { createTenancy, memoryRegistry, tenantDigest } from '@tenantry/core'
import { describeMongo } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, it } from 'vitest'
import { type MongoDatabase, mongoDatabase } from '../src/index.ts'
import { silent, type WatchedClient, watchedClient } from './support.ts'

describeMongo('a handle', mongo => {
  const registry = memoryRegistry()
  const tenancy = createTenancy({ registry, logger: silent })
  let watched: WatchedClient
  let isolation: MongoDatabase
  const acme = registry.add({ id: 'acme', slug: 'acme', name: 'Acme' })
  const globex = registry.add({ id: 'globex', slug: 'globex', name: 'Globex' })
  const handle = () => tenancy.handle(isolation)

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
  })
  afterAll(async () => {
    await isolation.close()
    await watched.client.close()
  })

  it('I01 two tenants have the same _id, each its own', async () => {
    const notes = handle().collection<{ _id: string; text: string }>('notes')
    await tenancy.run(acme, () => notes.insertOne({ _id: '1', text: 'of acme' }))
    await tenancy.run(globex, () => notes.insertOne({ _id: '1', text: 'of globex' }))
    assert.deepEqual(await tenancy.run(acme, () => notes.findOne({ _id: '1' })), { _id: '1', text: 'of acme' })
    assert.deepEqual(await tenancy.run(globex, () => notes.find().toArray()), [{ _id: '1', text: 'of globex' }])
    const own = new Set([acme, globex].map(({ id }) => `${mongo.prefix}${tenantDigest(id)}`))
    for (const { commandName, databaseName } of watched.sent)
      if (!['ping', 'hello', 'endSessions', 'connectionStatus'].includes(commandName))
        assert.ok(own.has(databaseName), commandName)
  })
})
