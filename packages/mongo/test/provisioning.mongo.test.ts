import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { createTenancy, isTenancyError, memoryRegistry, secret, tenantDigest } from '@tenantry/core'
import { describeMongo } from '@tenantry/servers/vitest'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, it } from 'vitest'
import { type MongoDatabaseOptions, mongoDatabase } from '../src/index.ts'
import { codeOf, memoryLogger, silent, tenantOf, type WatchedClient, watchedClient } from './support.ts'

describeMongo('databases of tenants', mongo => {
  let admin: WatchedClient
  beforeAll(() => {
    admin = watchedClient(mongo)
  })
  afterAll(() => admin.client.close())

  const shared = (more: Partial<MongoDatabaseOptions> = {}) =>
    mongoDatabase({
      client: admin.client,
      keyPrefix: mongo.prefix,
      transactions: mongo.hasTransactions,
      logger: silent,
      ...more,
    })
  const byUri = (more: Partial<MongoDatabaseOptions> = {}) =>
    mongoDatabase({ uri: () => secret(mongo.url), transactions: mongo.hasTransactions, logger: silent, ...more })
  const own = (name: string) => ({ mongo_database: `${mongo.prefix}${name}` })

  it('I30 C24 a database is made on purpose, or by connect where autoProvision says so', async () => {
    const tenant = tenantOf('made')
    const strict = shared()
    assert.equal(await codeOf(() => strict.connect(tenant)), 'TENANT_STORE_MISSING')
    const making = shared({ autoProvision: true })
    // A first statement makes nothing, whatever the option.
    assert.equal(
      await codeOf(() =>
        making
          .handle(() => tenant)
          .collection('notes')
          .insertOne({ a: 1 }),
      ),
      'TENANT_STORE_MISSING',
    )
    await making.connect(tenant)
    await making.connect(tenant)
    await making
      .handle(() => tenant)
      .collection('notes')
      .insertOne({ a: 1 })
    assert.equal(
      await strict
        .handle(() => tenant)
        .collection('notes')
        .countDocuments(),
      1,
    )
  })

  it('C24 a tenant whose provisioning was interrupted is not served until it is finished', async () => {
    const tenant = tenantOf('half-made')
    const db = admin.client.db(`${mongo.prefix}${tenantDigest('half-made')}`)
    const mark = { _id: 'owner', tenant: tenantDigest('half-made'), state: 'making' }
    await db.collection<{ _id: string }>('tenantry.identity').insertOne(mark)
    const isolation = shared({ indexes: { notes: [{ key: { text: 1 } }] } })
    const notes = isolation.handle(() => tenant).collection('notes')
    assert.equal(await codeOf(() => notes.insertOne({ a: 1 })), 'TENANT_STORE_MISSING')
    await isolation.provision(tenant)
    await notes.insertOne({ a: 1 })
    assert.equal(await notes.indexExists('text_1'), true)
  })

  it('I31 C26 declared indexes are made on provisioning and on start, once, and told of', async () => {
    const tenant = tenantOf('indexed')
    const logger = memoryLogger()
    const first = { notes: [{ key: { text: 1 } }, { key: { at: -1, by: 1 }, name: 'recent', unique: true }] } as const
    await shared({ indexes: first as never, logger }).provision(tenant)
    const events = () => logger.records.filter(({ event }) => event === 'mongo.index').map(({ message }) => message)
    assert.deepEqual(events(), [
      'Index notes.text_1 made for tenant: indexed',
      'Index notes.recent made for tenant: indexed',
    ])
    const isolation = shared({
      indexes: { ...first, more: [{ key: { a: 1 }, expireAfterSeconds: 60 }] } as never,
      logger,
    })
    await isolation.connect(tenant)
    assert.equal(events().length, 3)
    admin.sent.length = 0
    await isolation.connect(tenant)
    await isolation.provision(tenant)
    assert.deepEqual(
      admin.sent.filter(({ commandName }) => commandName === 'createIndexes'),
      [],
    )
    const names = (
      await isolation
        .handle(() => tenant)
        .collection('notes')
        .indexes()
    ).map(({ name }) => name)
    assert.deepEqual(names, ['_id_', 'text_1', 'recent'])
  })

  it.for([
    ['another key', { key: { other: 1 }, name: 'recent' }, 'key'],
    ['the fields in another order', { key: { by: 1, at: -1 }, name: 'recent' }, 'key'],
    ['no uniqueness', { key: { at: -1, by: 1 }, name: 'recent' }, 'unique'],
    ['another name', { key: { at: -1, by: 1 }, name: 'newest', unique: true }, 'name'],
    [
      'an end of life',
      { key: { at: -1, by: 1 }, name: 'recent', unique: true, expireAfterSeconds: 9 },
      'expireAfterSeconds',
    ],
  ] as const)('I31 an index that is declared with %s is an error that says which', async ([, index, what]) => {
    const tenant = tenantOf(`changed-${what}`)
    await shared({ indexes: { notes: [{ key: { at: -1, by: 1 }, name: 'recent', unique: true }] } }).provision(tenant)
    const error = await shared({ indexes: { notes: [index as never] } })
      .connect(tenant)
      .catch((caught: unknown) => caught)
    assert.ok(isTenancyError(error) && error.code === 'PROVISIONING_FAILED', String(error))
    assert.match(error.message, new RegExp(`notes\\.(recent|newest).*another ${what}`))
  })

  it('I34 connect tells that the client of a tenant is there', async () => {
    const logger = memoryLogger()
    const isolation = shared({ logger })
    await isolation.provision(tenantOf('told'))
    await isolation.connect(tenantOf('told'))
    const [record] = logger.records.filter(({ event }) => event === 'mongo.ready')
    assert.deepEqual(record, {
      event: 'mongo.ready',
      tenant: 'told',
      message: 'MongoDB client created for tenant: told',
    })
  })

  it('M3 C08 C43 two tenants never get one database, nor two whose names differ by case only', async () => {
    const [one, two, three] = [
      tenantOf('one', own('shared')),
      tenantOf('two', own('shared')),
      tenantOf('three', own('SHARED')),
    ]
    const isolation = shared()
    await isolation.provision(one)
    for (const other of [two, three]) {
      assert.equal(await codeOf(() => isolation.provision(other)), 'PLACEMENT_INVALID')
      assert.equal(
        await codeOf(() =>
          isolation
            .handle(() => other)
            .collection('notes')
            .findOne({}),
        ),
        'PLACEMENT_INVALID',
      )
    }
    // Another process has never seen the first one; the mark in the database says whose it is.
    assert.equal(await codeOf(() => shared().provision(two)), 'OBJECT_FOREIGN')
    // By another URI of the same server, too.
    const other = byUri({ uri: () => mongo.url.replace('127.0.0.1', 'localhost') })
    assert.equal(await codeOf(() => other.connect(two)), 'IDENTITY_MISMATCH')
    assert.equal(await codeOf(() => byUri().connect(two)), 'IDENTITY_MISMATCH')
    await other.close()
  })

  it('provisioning adopts no database without a mark, and erasing drops none', async () => {
    const tenant = tenantOf('theirs', own('theirs'))
    const notes = admin.client.db(`${mongo.prefix}theirs`).collection('notes')
    await notes.insertOne({ a: 1 })
    const isolation = shared()
    assert.equal(await codeOf(() => isolation.provision(tenant)), 'OBJECT_FOREIGN')
    assert.equal(await codeOf(() => isolation.deprovision(tenant)), 'OBJECT_FOREIGN')
    assert.equal(await notes.countDocuments(), 1)
  })

  it('erasing says what it erased, ends cursors, waits for what is under way, and refuses what comes', async () => {
    const tenant = tenantOf('leaver')
    const isolation = shared()
    await isolation.provision(tenant)
    const mongoOf = isolation.handle(() => tenant)
    await mongoOf.collection('notes').insertMany([{ a: 1 }, { a: 2 }, { a: 3 }])
    await mongoOf.collection('more').insertOne({ a: 1 })
    const cursor = mongoOf.collection('notes').find().batchSize(1)
    await cursor.next()
    const writing = Array.from({ length: 20 }, (_, n) => codeOf(() => mongoOf.collection('notes').insertOne({ n })))
    const { erased } = await isolation.deprovision(tenant)
    assert.deepEqual(new Set(await Promise.all(writing)), new Set(['nothing was refused']))
    const name = `${mongo.prefix}${tenantDigest('leaver')}`
    assert.deepEqual(
      [...erased].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      [
        { kind: 'database', name, count: 1 },
        { kind: 'collection', name: `${name}.more`, count: 1 },
        { kind: 'collection', name: `${name}.notes`, count: 23 },
      ],
    )
    assert.equal(await codeOf(() => cursor.next()), 'SCOPE_CLOSED')
    assert.equal(await codeOf(() => mongoOf.collection('notes').insertOne({ a: 1 })), 'TENANT_STORE_MISSING')
    assert.deepEqual(await Promise.all([isolation.deprovision(tenant), isolation.deprovision(tenant)]), [
      { tenant: 'leaver', erased: [] },
      { tenant: 'leaver', erased: [] },
    ])
    await isolation.provision(tenant)
    assert.equal(await mongoOf.collection('notes').countDocuments(), 0)
  })

  it('I13 I32 a URI for each tenant: the name that is given wins over the database of its path', async () => {
    const isolation = byUri({ uri: () => secret(`${mongo.url}another_database`) })
    const tenant = tenantOf('by-uri', own('by_uri'))
    await isolation.provision(tenant)
    const notes = isolation.handle(() => tenant).collection('notes')
    await notes.insertOne({ a: 1 })
    assert.equal(notes.dbName, `${mongo.prefix}by_uri`)
    assert.equal(await admin.client.db(`${mongo.prefix}by_uri`).collection('notes').countDocuments(), 1)
    assert.equal(await admin.client.db('another_database').collection('notes').countDocuments(), 0)
    await isolation.close()
  })

  it('M10 a URI whose login is refused tells no secret', async () => {
    const password = 'hunter2-of-the-database'
    const url = new URL(mongo.url)
    url.username = 'nobody'
    url.password = password
    const isolation = byUri({ uri: () => secret(url.href), limits: { options: { serverSelectionTimeoutMS: 500 } } })
    const error = await isolation.connect(tenantOf('refused', own('refused'))).catch((caught: unknown) => caught)
    assert.ok(error instanceof Error)
    assert.ok(!inspect(error, { depth: 12, showHidden: true }).includes(password))
    assert.ok(!inspect(isolation, { depth: 12, showHidden: true }).includes(password))
    const health = await isolation.health(tenantOf('refused', own('refused')))
    assert.equal(health.ok, false)
    await isolation.close()
  })

  it('I49 I50 a URI without TLS or a login is refused before it is connected', async () => {
    const isolation = byUri({ requireTls: true, requireAuth: true })
    const error = await isolation.connect(tenantOf('plain', own('plain'))).catch((caught: unknown) => caught)
    assert.ok(isTenancyError(error) && error.code === 'CONFIG_INVALID')
    assert.ok(error.details.problems.length >= 1)
    assert.equal(isolation.clients, 0)
    await isolation.close()
  })

  it('I07 I36 500 tenants are connected lazily and stay under the cap, with hundreds of operations at once', async () => {
    const isolation = byUri({ limits: { max: 20, wait: 60_000, options: { maxPoolSize: 1 } } })
    const tenants = Array.from({ length: 500 }, (_, n) => tenantOf(`many-${n}`, own(`many_${n}`)))
    let most = 0
    const work = tenants.map(async tenant => {
      await isolation.provision(tenant)
      const notes = isolation.handle(() => tenant).collection<{ _id: string }>('notes')
      await notes.insertOne({ _id: tenant.id })
      most = Math.max(most, isolation.clients)
      assert.deepEqual(await notes.find().toArray(), [{ _id: tenant.id }])
    })
    await Promise.all(work)
    assert.ok(most <= 20 && most > 10, `${most}`)
    // One that came first and was evicted long ago is served again.
    const [first] = tenants
    assert.ok(first)
    assert.equal(
      await isolation
        .handle(() => first)
        .collection('notes')
        .countDocuments(),
      1,
    )
    assert.ok(isolation.clients <= 20)
    await isolation.close()
    assert.equal(isolation.clients, 0)
  }, 120_000)

  it('a cursor keeps its client open, and closing the isolation ends it', async () => {
    const isolation = byUri({ limits: { max: 1, wait: 100 } })
    const [one, two] = [tenantOf('c-one', own('c_one')), tenantOf('c-two', own('c_two'))]
    for (const tenant of [one, two]) await isolation.provision(tenant)
    const notes = isolation.handle(() => one).collection('notes')
    await notes.insertMany([{ a: 1 }, { a: 2 }])
    const cursor = notes.find().batchSize(1)
    await cursor.next()
    assert.equal(await codeOf(() => isolation.connect(two)), 'POOL_EXHAUSTED')
    await cursor.next()
    await cursor.close()
    await isolation.connect(two)
    const left = isolation
      .handle(() => two)
      .collection('notes')
      .find()
    await left.hasNext()
    const abandoned = isolation
      .handle(() => two)
      .collection('notes')
      .aggregate()
    await abandoned.hasNext()
    await isolation.close()
    assert.equal(isolation.clients, 0)
    assert.equal(await codeOf(() => cursor.next()), 'SCOPE_CLOSED')
    assert.equal(await codeOf(() => notes.findOne({})), 'SCOPE_CLOSED')
    assert.equal(await codeOf(() => isolation.connect(one)), 'SCOPE_CLOSED')
    assert.equal(await codeOf(() => isolation.provision(one)), 'SCOPE_CLOSED')
    assert.equal(await codeOf(() => isolation.deprovision(one)), 'SCOPE_CLOSED')
    assert.equal(await codeOf(() => isolation.verify()), 'SCOPE_CLOSED')
  })

  it('X1 X8 what a client starts runs where no tenant is', async () => {
    const registry = memoryRegistry()
    const tenancy = createTenancy({ registry, logger: silent })
    const contexts: (string | undefined)[] = []
    const isolation = byUri({
      limits: {
        options: {
          lookup: (host, options, done) => {
            contexts.push(tenancy.maybeCurrent()?.id)
            void host
            const address = { address: '127.0.0.1', family: 4 }
            if (options.all === true) done(null, [address])
            else done(null, address.address, address.family)
          },
        },
      },
      uri: () => mongo.url.replace('127.0.0.1', 'localhost'),
    })
    const tenant = registry.add({ id: 'ctx', slug: 'ctx', name: 'ctx', placement: own('ctx') })
    await isolation.provision(tenant)
    await isolation.evict(tenant)
    await tenancy.run(tenant, () => tenancy.handle(isolation).collection('notes').findOne({}))
    assert.ok(contexts.length > 0)
    assert.deepEqual(
      contexts.filter(id => id !== undefined),
      [],
    )
    await isolation.close()
  })

  it('several clients: a tenant lives where its placement says, and nowhere by accident', async () => {
    const other = new MongoClient(mongo.url)
    const isolation = shared({ client: undefined as never, clients: { eu: admin.client, us: other } })
    const placed = (mongo_server: string) =>
      tenantOf(`at-${mongo_server}`, { ...own(`at_${mongo_server}`), mongo_server })
    for (const name of ['eu', 'us']) {
      await isolation.provision(placed(name))
      await isolation
        .handle(() => placed(name))
        .collection('notes')
        .insertOne({ a: 1 })
    }
    for (const tenant of [tenantOf('nowhere', own('nowhere')), placed('mars'), placed('toString'), placed('__proto__')])
      assert.equal(await codeOf(() => isolation.provision(tenant)), 'PLACEMENT_INVALID')
    await isolation.close()
    await other.close()
  })

  it('M1 verify warns that one credential for all is fenced in the process only', async () => {
    const findings = await shared().verify()
    assert.ok(findings.some(({ id, severity }) => id === 'M1' && severity === 'warning'))
    assert.ok(!findings.some(({ severity }) => severity === 'error'))
  })
})
