import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTenancy, memoryRegistry, secret, tenantDigest } from '@tenantry/core'
import { describeReplicaSet } from '@tenantry/servers/vitest'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, it } from 'vitest'
import {
  derivedPasswords,
  type MongoDatabase,
  mongoDatabase,
  type TenantMongo,
  type TransactionMongo,
} from '../src/index.ts'
import { codeOf, silent, type WatchedClient, watchedClient } from './support.ts'

const unauthorized = 13
const serverCode = (work: () => Promise<unknown>) =>
  work().then(
    () => 'nothing was refused',
    (error: { code?: unknown }) => error.code,
  )

// Written from MongoDB's and the driver's documentation. The ids of behaviours stand in the titles of the groups, so that a skipped
// test counts for nothing.
describeReplicaSet('transactions and change streams (M5, M6)', mongo => {
  const registry = memoryRegistry()
  const tenancy = createTenancy({ registry, logger: silent })
  const acme = registry.add({ id: 'acme', slug: 'acme', name: 'Acme' })
  const globex = registry.add({ id: 'globex', slug: 'globex', name: 'Globex' })
  const access = { actor: 'test', reason: 'another tenant comes between' }
  let watched: WatchedClient
  let isolation: MongoDatabase
  let handle: TenantMongo

  beforeAll(async () => {
    watched = watchedClient(mongo)
    isolation = mongoDatabase({ client: watched.client, keyPrefix: mongo.prefix, logger: silent })
    handle = tenancy.handle(isolation)
    for (const tenant of [acme, globex]) {
      await isolation.provision(tenant)
      await tenancy.run(tenant, () => handle.command({ create: 'notes' }))
    }
  })
  afterAll(async () => {
    await isolation.close()
    await watched.client.close()
  })

  it('a transaction commits together, or leaves nothing', async () => {
    await tenancy.run(acme, async () => {
      await handle.transaction(async inner => {
        await inner.collection<{ _id: string }>('notes').insertOne({ _id: 'one' })
        assert.equal(await handle.collection('notes').countDocuments(), 0)
        assert.equal(await inner.collection('notes').countDocuments(), 1)
        assert.equal((await inner.collection('notes').find().toArray()).length, 1)
      })
      const thrown = new Error('thrown by the work')
      const failed = handle.transaction(async inner => {
        await inner.collection<{ _id: string }>('notes').insertOne({ _id: 'two' })
        throw thrown
      })
      await assert.rejects(failed, thrown)
      assert.equal(await handle.collection('notes').countDocuments(), 1)
    })
  })

  it('each transaction has a session of its own, and every statement of it carries that session', async () => {
    watched.sent.length = 0
    const one = tenancy.run(acme, () => handle.transaction(inner => inner.collection('notes').findOne({})))
    const two = tenancy.run(globex, () => handle.transaction(inner => inner.collection('notes').findOne({})))
    await Promise.all([one, two])
    const started = watched.sent.filter(({ command }) => command.startTransaction === true)
    assert.equal(started.length, 2)
    assert.equal(new Set(started.map(({ command }) => command.lsid.id.toString('hex'))).size, 2)
  })

  it('the handle of a transaction serves no other tenant, and is dead after its end', async () => {
    const kept: TransactionMongo[] = []
    await tenancy.run(acme, () =>
      handle.transaction(async inner => {
        kept.push(inner)
        await inner.collection('notes').findOne({})
        const asOther = () =>
          tenancy.runAsSystem(access, () => tenancy.run(globex, () => inner.collection('notes').findOne({})))
        assert.equal(await codeOf(asOther), 'SCOPE_MISMATCH')
      }),
    )
    for (const inner of kept)
      assert.equal(await codeOf(() => tenancy.run(acme, () => inner.collection('notes').findOne({}))), 'SCOPE_CLOSED')
  })

  it('a change stream tells a tenant of its own changes only', async () => {
    const changes = tenancy.run(acme, () => handle.collection('notes').watch([{ $match: { operationType: 'insert' } }]))
    const first = tenancy.run(acme, () => changes.next())
    await sleep(500)
    await tenancy.run(globex, () => handle.collection<{ _id: string }>('notes').insertOne({ _id: 'of globex' }))
    await tenancy.run(acme, () => handle.collection<{ _id: string }>('notes').insertOne({ _id: 'of acme' }))
    const change = await first
    assert.ok(change.operationType === 'insert')
    assert.equal(String(change.fullDocument._id), 'of acme')
    assert.equal(await codeOf(() => tenancy.run(globex, () => changes.next())), 'SCOPE_MISMATCH')
    await tenancy.run(acme, () => changes.close())
    assert.equal(await codeOf(() => tenancy.run(acme, () => changes.next())), 'SCOPE_CLOSED')
  })
})

describeReplicaSet('users of tenants, kept apart by the server (I42, I49, M1, M2, M4, M9, D11)', mongo => {
  const registry = memoryRegistry()
  const tenancy = createTenancy({ registry, logger: silent })
  const [acme, globex] = ['acme', 'globex'].map(id => registry.add({ id, slug: id, name: id }))
  const passwords = derivedPasswords(secret('a master that has more than 32 characters'))
  let admin: MongoClient
  let isolation: MongoDatabase
  let handle: TenantMongo
  let asAcme: MongoClient
  const nameOf = (id: string) => `${mongo.prefix}${tenantDigest(id)}`

  beforeAll(async () => {
    assert.ok(acme && globex)
    admin = new MongoClient(mongo.url)
    const uri = new URL(mongo.url)
    uri.username = ''
    uri.password = ''
    uri.searchParams.delete('authSource')
    isolation = mongoDatabase({ users: { uri: uri.href, admin, passwords }, keyPrefix: mongo.prefix, logger: silent })
    handle = tenancy.handle(isolation)
    for (const tenant of [acme, globex]) {
      await isolation.provision(tenant)
      await tenancy.run(tenant, () => handle.collection<{ _id: string }>('notes').insertOne({ _id: tenant.id }))
    }
    const auth = { username: nameOf('acme'), password: (await passwords(acme)).reveal() }
    asAcme = new MongoClient(uri.href, { auth, authSource: nameOf('acme') })
  })
  afterAll(async () => {
    await isolation?.close()
    await asAcme?.close()
    await admin?.close()
  })

  it('the login of one tenant reads its own database, and is refused every other', async () => {
    assert.deepEqual(await asAcme.db(nameOf('acme')).collection('notes').find().toArray(), [{ _id: 'acme' }])
    const other = asAcme.db(nameOf('globex'))
    assert.equal(await serverCode(() => other.collection('notes').find().toArray()), unauthorized)
    assert.equal(await serverCode(() => other.collection('notes').insertOne({ a: 1 })), unauthorized)
    assert.equal(await serverCode(() => other.dropDatabase()), unauthorized)
    assert.equal(await serverCode(() => asAcme.db('admin').command({ currentOp: 1, $all: true })), unauthorized)
    const { databases } = await asAcme.db('admin').admin().listDatabases({ nameOnly: true })
    assert.deepEqual(
      databases.map(({ name }) => name),
      [nameOf('acme')],
    )
  })

  it('stages that cross databases are refused by its role, too', async () => {
    const notes = asAcme.db(nameOf('acme')).collection('notes')
    const away = { db: nameOf('globex'), coll: 'notes' }
    assert.equal(await serverCode(() => notes.aggregate([{ $out: away }]).toArray()), unauthorized)
    assert.equal(await serverCode(() => notes.aggregate([{ $merge: { into: away } }]).toArray()), unauthorized)
  })

  it('verify finds nothing wrong, and a role too many', async () => {
    assert.deepEqual(await isolation.verify(), [])
    const db = admin.db(nameOf('acme'))
    const roles = [{ role: 'readWrite', db: nameOf('acme') }]
    await db.command({ updateUser: nameOf('acme'), roles: [...roles, { role: 'read', db: nameOf('globex') }] })
    assert.deepEqual(
      (await isolation.verify()).map(({ id }) => id),
      ['M1'],
    )
    await db.command({ updateUser: nameOf('acme'), roles })
  })

  it('after erasing, the login is gone, and no write makes the database anew', async () => {
    const gone = registry.add({ id: 'gone', slug: 'gone', name: 'gone' })
    await isolation.provision(gone)
    await tenancy.run(gone, () => handle.collection('notes').insertOne({ a: 1 }))
    await isolation.deprovision(gone)
    const refused = await codeOf(() => tenancy.run(gone, () => handle.collection('notes').insertOne({ a: 2 })))
    assert.ok(['CREDENTIALS_REFUSED', 'TENANT_STORE_MISSING'].includes(refused), refused)
    const { databases } = await admin.db('admin').admin().listDatabases({ nameOnly: true })
    assert.ok(!databases.some(({ name }) => name === nameOf('gone')))
  })
})
