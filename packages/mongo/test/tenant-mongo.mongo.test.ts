import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { createTenancy, isTenancyError, memoryRegistry, tenantDigest } from '@tenantry/core'
import { describeMongo } from '@tenantry/servers/vitest'
import { Collection, Db, MongoClient } from 'mongodb'
import { afterAll, beforeAll, beforeEach, it } from 'vitest'
import { type MongoDatabase, mongoDatabase, type TenantMongo } from '../src/index.ts'
import { mongoProxy } from './mongo-proxy.ts'
import { codeOf, silent, tenantOf, type WatchedClient, watchedClient } from './support.ts'

interface Note {
  readonly _id: string
  readonly text: string
}

function ignore(): void {
  // What is looked at is whether it is called at all.
}

describeMongo('a handle', mongo => {
  const registry = memoryRegistry()
  const tenancy = createTenancy({ registry, logger: silent })
  const acme = registry.add({ id: 'acme', slug: 'acme', name: 'Acme' })
  const globex = registry.add({ id: 'globex', slug: 'globex', name: 'Globex' })
  const access = { actor: 'test', reason: 'another tenant comes between' }
  let watched: WatchedClient
  let isolation: MongoDatabase
  let handle: TenantMongo

  function options() {
    const { hasTransactions: transactions, prefix: keyPrefix } = mongo
    return { client: watched.client, keyPrefix, transactions, logger: silent }
  }

  beforeAll(async () => {
    watched = watchedClient(mongo)
    isolation = mongoDatabase(options())
    handle = tenancy.handle(isolation)
    for (const tenant of [acme, globex]) {
      await isolation.provision(tenant)
      await tenancy.run(tenant, () =>
        handle.collection<Note>('notes').insertMany([1, 2, 3].map(n => ({ _id: `${n}`, text: `of ${tenant.id}` }))),
      )
    }
  })
  beforeEach(() => {
    watched.sent.length = 0
  })
  afterAll(async () => {
    await isolation.close()
    await watched.client.close()
  })

  /** The commands that went out meanwhile, each with its database. */
  function sent(): readonly string[] {
    return watched.sent.map(({ commandName, databaseName }) => `${commandName} ${databaseName}`)
  }

  it('I01 I40 two tenants have one _id, each its own document in its own database', async () => {
    const notes = handle.collection<Note>('notes')
    const texts = [acme, globex].map(tenant => tenancy.run(tenant, () => notes.findOne({ _id: '1' })))
    assert.deepEqual(await Promise.all(texts), [
      { _id: '1', text: 'of acme' },
      { _id: '1', text: 'of globex' },
    ])
    assert.deepEqual(
      sent().toSorted(),
      [acme, globex].map(({ id }) => `find ${mongo.prefix}${tenantDigest(id)}`).toSorted(),
    )
  })

  it('D1 a source that hands out one object for many tenants leads each to its own database', async () => {
    const one = { ...acme }
    const notes = isolation.handle(() => one).collection<Note>('notes')
    assert.equal((await notes.findOne({ _id: '1' }))?.text, 'of acme')
    Object.assign(one, { id: 'globex' })
    assert.equal((await notes.findOne({ _id: '1' }))?.text, 'of globex')
  })

  it('M1 every operation of a collection goes to the database of the tenant and to no other', async () => {
    const kept = handle.collection<Note & { n?: number }>('all')
    await tenancy.run(acme, async () => {
      await kept.insertOne({ _id: 'a', text: 'x' })
      await kept.insertMany([{ _id: 'b', text: 'x' }])
      await kept.bulkWrite([
        { insertOne: { document: { _id: 'c', text: 'x' } } },
        { updateOne: { filter: { _id: 'c' }, update: { $set: { n: 1 } } } },
        { replaceOne: { filter: { _id: 'c' }, replacement: { text: 'y' } } },
        { deleteOne: { filter: { _id: 'nobody' } } },
      ])
      await kept.updateOne({ _id: 'a' }, { $set: { text: 'y' } })
      await kept.updateMany({}, { $set: { n: 2 } })
      await kept.replaceOne({ _id: 'a' }, { text: 'z' })
      await kept.findOneAndUpdate({ _id: 'a' }, { $set: { n: 1 } })
      await kept.findOneAndReplace({ _id: 'a' }, { text: 'z' })
      await kept.findOneAndDelete({ _id: 'a' })
      await kept.deleteOne({ _id: 'b' })
      await kept.countDocuments()
      await kept.estimatedDocumentCount()
      assert.deepEqual(await kept.distinct('text'), ['y'])
      await kept.createIndex({ text: 1 })
      await kept.createIndexes([{ key: { n: -1 }, name: 'by_n' }])
      assert.equal((await kept.indexes()).length, 3)
      assert.equal(await kept.indexExists('by_n'), true)
      await kept.indexInformation()
      await kept.dropIndex('by_n')
      await kept.options()
      assert.equal(await kept.isCapped(), false)
      assert.deepEqual((await handle.collections()).map(({ name }) => name).toSorted(), ['all', 'notes'])
      await handle.command({ ping: 1 })
      await kept.find().sort({ _id: 1 }).skip(0).limit(5).project({ text: 1 }).toArray()
      await kept.aggregate().match({}).sort({ _id: 1 }).toArray()
      await kept.deleteMany({})
      await kept.drop()
      assert.equal(kept.dbName, `${mongo.prefix}${tenantDigest('acme')}`)
      assert.equal(kept.namespace, `${kept.dbName}.all`)
    })
    assert.deepEqual(
      new Set(watched.sent.map(({ databaseName }) => databaseName)),
      new Set([`${mongo.prefix}${tenantDigest('acme')}`]),
    )
    assert.ok(watched.sent.length >= 27)
  })

  it('X10 a collection that was kept follows the tenant, and refuses without one', async () => {
    const kept = tenancy.run(acme, () => handle.collection<Note>('notes'))
    assert.equal((await tenancy.run(globex, () => kept.findOne({ _id: '1' })))?.text, 'of globex')
    watched.sent.length = 0
    assert.equal(await codeOf(() => kept.findOne({})), 'TENANT_CONTEXT_MISSING')
    assert.equal(await codeOf(() => kept.find({})), 'TENANT_CONTEXT_MISSING')
    assert.equal(
      await codeOf(() => tenancy.runAsSystem(access, () => kept.insertOne({ _id: '9', text: 'x' }))),
      'TENANT_CONTEXT_MISSING',
    )
    assert.deepEqual(sent(), [])
  })

  it('a cursor that was opened for one tenant is refused to every other, and to nobody', async () => {
    const cursor = await tenancy.run(acme, async () => {
      const opened = handle.collection<Note>('notes').find().batchSize(1)
      assert.equal((await opened.next())?.text, 'of acme')
      return opened
    })
    const unread = tenancy.run(acme, () => handle.collection<Note>('notes').find())
    const stages = tenancy.run(acme, () => handle.collection<Note>('notes').aggregate([]))
    watched.sent.length = 0
    for (const each of [cursor, unread, stages]) {
      const uses: (() => unknown)[] = [
        ...[() => each.next(), () => each.toArray(), () => each.hasNext(), () => each.tryNext(), () => each.explain()],
        ...[
          () => each.forEach(ignore),
          () => each.clone(),
          () => each.bufferedCount(),
          () => each.readBufferedDocuments(),
        ],
        ...[
          () => each.limit(1),
          () => each.sort({ _id: 1 }),
          () => each.map(x => x),
          () => each[Symbol.asyncIterator]().next(),
        ],
        () => new Promise((_, reject) => each.stream().on('error', reject).resume()),
      ]
      for (const use of uses) {
        assert.equal(await codeOf(() => tenancy.run(globex, () => use())), 'SCOPE_MISMATCH', String(use))
        assert.equal(await codeOf(use), 'TENANT_CONTEXT_MISSING', String(use))
      }
    }
    assert.deepEqual(sent(), [])
    const rest = await tenancy.run(acme, () => cursor.toArray())
    assert.deepEqual(
      rest.map(({ text }) => text),
      ['of acme', 'of acme'],
    )
    await tenancy.run(acme, () => unread.close())
    assert.equal(await codeOf(() => tenancy.run(acme, () => unread.next())), 'SCOPE_CLOSED')
  })

  it('X3 a stream reads for the tenant that opened it, whoever drains it', async () => {
    const stream = tenancy.run(acme, () => handle.collection<Note>('notes').find().batchSize(1).stream())
    const texts: string[] = []
    await tenancy.run(globex, async () => {
      for await (const note of stream) texts.push((note as Note).text)
    })
    assert.deepEqual(texts, ['of acme', 'of acme', 'of acme'])
  })

  it('M1 M4 nothing that a handle gives leads to the client, another database or administration', async () => {
    const names = [
      'client',
      'admin',
      'db',
      's',
      'topology',
      'dropDatabase',
      'createCollection',
      'aggregate',
      'watch',
      'withSession',
    ]
    for (const name of [
      ...names,
      'startSession',
      'databaseName',
      'renameCollection',
      'runCursorCommand',
      'listDatabases',
    ])
      assert.equal(await codeOf(() => Reflect.get(handle, name)), 'STATEMENT_REFUSED', name)
    await tenancy.run(acme, async () => {
      const notes = handle.collection<Note>('notes')
      const members = [
        'client',
        'db',
        's',
        'rename',
        'initializeOrderedBulkOp',
        'mapReduce',
        'fullNamespace',
        'hint',
        'count',
      ]
      for (const name of [...members, 'createSearchIndex', 'listSearchIndexes', 'listIndexes', 'findAndModify'])
        assert.equal(await codeOf(() => Reflect.get(notes, name)), 'STATEMENT_REFUSED', name)
      const cursor = notes.find()
      const ofCursor = [
        'client',
        'server',
        'session',
        'cursorClient',
        'cursorSession',
        'addQueryModifier',
        'getMore',
        '_initialize',
        'emit',
      ]
      for (const each of [cursor, notes.aggregate()])
        for (const name of ofCursor)
          assert.equal(await codeOf(() => Reflect.get(each, name)), 'STATEMENT_REFUSED', name)
      for (const name of ['client', 'pipeline', 'namespace', 'server'])
        assert.equal(await codeOf(() => Reflect.get(notes.aggregate(), name)), 'STATEMENT_REFUSED', name)
    })
  })

  it('M1 no walk from a handle, through whatever is reachable, meets an object of the driver', async () => {
    const forbidden = [MongoClient, Db, Collection]
    const seen = new Set<unknown>()
    const proxies: object[] = []
    function give(value: object, key: string | symbol): unknown {
      try {
        return Reflect.get(value, key)
      } catch {
        // Of a prototype: it wants an object of its kind, which is walked by itself.
        return undefined
      }
    }
    function walk(value: unknown, path: string): void {
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return
      seen.add(value)
      assert.ok(!forbidden.some(kind => value instanceof kind), path)
      for (const key of Reflect.ownKeys(value)) walk(give(value, key), `${path}.${String(key)}`)
      walk(Reflect.getPrototypeOf(value), `${path}.[[prototype]]`)
    }
    await tenancy.run(acme, async () => {
      const notes = handle.collection<Note>('notes')
      const cursor = notes.find().batchSize(1)
      await cursor.next()
      const stream = notes.find().stream()
      const changes = notes.watch()
      const results: object[] = [
        await notes.updateOne({ _id: '1' }, { $set: { text: 'of acme' } }),
        await notes.bulkWrite([{ updateOne: { filter: { _id: '1' }, update: { $set: { text: 'of acme' } } } }]),
        await notes.insertOne({ _id: '1', text: '' }).catch((error: Error) => error),
        await notes.insertMany([{ _id: '1', text: '' }]).catch((error: Error) => error),
      ]
      proxies.push(handle, notes, cursor, notes.aggregate(), stream, changes, ...results)
      for (const [at, each] of proxies.entries()) walk(each, `${at}`)
      assert.ok(seen.size > 100, `${seen.size}`)
      // Also what inspect sees through proxies.
      for (const each of [handle, notes, cursor, stream, changes])
        assert.ok(!inspect(each, { depth: 8, showHidden: true, showProxy: true }).includes('MongoClient'))
      await cursor.close()
      stream.destroy()
      await changes.close()
    })
  })

  it('M1 members cannot be replaced, so that nobody listens in', async () => {
    const notes = handle.collection('notes')
    for (const target of [handle, notes]) {
      assert.equal(await codeOf(() => Reflect.set(target, 'collection', () => undefined)), 'STATEMENT_REFUSED')
      assert.equal(await codeOf(() => Object.defineProperty(target, 'find', { value: 1 })), 'STATEMENT_REFUSED')
      assert.equal(await codeOf(() => Reflect.deleteProperty(target, 'find')), 'STATEMENT_REFUSED')
      assert.equal(Reflect.getPrototypeOf(target), null)
      assert.equal(Reflect.setPrototypeOf(target, {}), false)
    }
  })

  it('M1 options that lead elsewhere are refused, of every operation', async () => {
    const foreign = new MongoClient(mongo.url)
    const notes = handle.collection<Note>('notes')
    const bad = [
      { dbName: 'other' },
      { authdb: 'other' },
      { session: foreign.startSession() },
      { db: 'other' },
      { willRetryWrite: true },
    ]
    const calls: Readonly<Record<string, (options: never) => unknown>> = {
      insertOne: options => notes.insertOne({ _id: 'x', text: '' }, options),
      insertMany: options => notes.insertMany([{ _id: 'x', text: '' }], options),
      bulkWrite: options => notes.bulkWrite([], options),
      updateOne: options => notes.updateOne({}, { $set: { text: '' } }, options),
      replaceOne: options => notes.replaceOne({}, { text: '' }, options),
      deleteMany: options => notes.deleteMany({ _id: 'x' }, options),
      findOne: options => notes.findOne({}, options),
      find: options => notes.find({}, options),
      findOneAndDelete: options => notes.findOneAndDelete({}, options),
      distinct: options => notes.distinct('text', {}, options),
      countDocuments: options => notes.countDocuments({}, options),
      createIndex: options => notes.createIndex({ text: 1 }, options),
      drop: options => notes.drop(options),
      indexes: options => notes.indexes(options),
      watch: options => notes.watch([], options),
      collection: options => handle.collection('notes', options),
    }
    watched.sent.length = 0
    await tenancy.run(acme, async () => {
      for (const [name, call] of Object.entries(calls))
        for (const each of bad)
          assert.equal(await codeOf(() => call(each as never)), 'STATEMENT_REFUSED', `${name} ${Object.keys(each)}`)
      // An inherited option is an option.
      assert.equal(await codeOf(() => notes.findOne({}, Object.create({ dbName: 'other' }))), 'STATEMENT_REFUSED')
      const model = { updateOne: { filter: {}, update: { $set: { text: '' } }, namespace: 'other.notes' } }
      assert.equal(await codeOf(() => notes.bulkWrite([model as never])), 'STATEMENT_REFUSED')
      for (const name of ['insert', 'deleteEverything', 'toString', '__proto__'])
        assert.equal(await codeOf(() => notes.bulkWrite([{ [name]: {} } as never])), 'STATEMENT_REFUSED', name)
    })
    assert.deepEqual(sent(), [])
    await foreign.close()
  })

  it('M4 commands that are not of the tenant’s own database are refused, however they are written', async () => {
    const commands = [
      ...[
        'listDatabases',
        'currentOp',
        'killOp',
        'dropDatabase',
        'top',
        'serverStatus',
        'eval',
        '$eval',
        'mapReduce',
        'renameCollection',
      ],
      ...[
        'createUser',
        'grantRolesToUser',
        'usersInfo',
        'aggregate',
        'find',
        'insert',
        'getMore',
        'killCursors',
        'drop',
        'copydb',
        'clone',
      ],
      ...[
        'fsync',
        'shutdown',
        'replSetStepDown',
        'setParameter',
        'getLog',
        'profile',
        'connectionStatus',
        'hello',
        'endSessions',
        'explain',
      ],
    ].map(name => ({ [name]: 1 }))
    const worse: object[] = [
      ...[
        { ping: 1, $db: 'other' },
        { ping: 1, lsid: {} },
        { dbStats: 1, $db: 'admin' },
        { collStats: 'system.users' },
      ],
      ...[
        { collStats: 'tenantry.identity' },
        { create: 'v', viewOn: 'notes', pipeline: [] },
        { collMod: 'notes', viewOn: 'notes' },
      ],
      ...[
        { create: 'n', validator: { $where: '1' } },
        {},
        { comment: 1, listDatabases: 1 },
        { toString: 1 },
        { constructor: 1 },
      ],
      new Map<string, unknown>([
        ['listDatabases', 1],
        ['ping', 1],
      ]),
      { ping: 1, toBSON: () => ({ listDatabases: 1 }) },
    ]
    await tenancy.run(acme, async () => {
      for (const command of [...commands, ...worse])
        assert.equal(await codeOf(() => handle.command(command)), 'STATEMENT_REFUSED', inspect(command))
    })
    assert.deepEqual(sent(), [])
  })

  it('M2 collections of the server and of Tenantry are nobody’s', async () => {
    for (const name of [
      'system.users',
      'system.profile',
      'system.js',
      'tenantry.identity',
      '$cmd',
      'a$b',
      '.a',
      'a.',
      'a..b',
      'a\0b',
    ])
      assert.equal(await codeOf(() => handle.collection(name)), 'STATEMENT_REFUSED', name)
    for (const name of ['', 1, undefined, null, {}, ['notes'], 'x'.repeat(192), { toString: () => 'notes' }])
      assert.equal(await codeOf(() => handle.collection(name as string)), 'ARGUMENT_INVALID', String(name))
  })

  it('M8 what is forgotten in a filter does not match every document', async () => {
    const notes = handle.collection<Note>('notes')
    await tenancy.run(acme, async () => {
      const undefinedId = undefined as unknown as string
      assert.equal((await notes.deleteMany({ _id: undefinedId })).deletedCount, 0)
      assert.equal((await notes.deleteMany({ $or: [{ _id: undefinedId }] })).deletedCount, 0)
      for (const call of [
        () => notes.deleteMany(),
        () => notes.deleteOne(undefined),
        () => notes.updateMany(undefined as never, { $set: { text: 'x' } }),
        () => notes.findOneAndDelete(undefined as never),
        () => notes.bulkWrite([{ deleteMany: {} } as never]),
        () => notes.find('notes' as never),
        () => notes.find([] as never),
        () => notes.updateOne({}, { text: 'no operator' } as never),
        () => notes.updateOne({}, undefined as never),
        () => notes.replaceOne({}, { $set: { text: 'an operator' } } as never),
        () => notes.replaceOne({}, [{ $set: { text: 'x' } }] as never),
      ])
        assert.equal(await codeOf(call), 'ARGUMENT_INVALID', String(call))
      assert.equal(await notes.countDocuments(), 3)
    })
  })

  it('M4 JavaScript on the server is refused by default, wherever it stands', async () => {
    const notes = handle.collection<Note>('notes')
    watched.sent.length = 0
    const body = { body: 'function () {}', args: [], lang: 'js' }
    const calls: (() => unknown)[] = [
      () => notes.find({ $where: 'true' }),
      () => notes.find({ $where: () => true }),
      () => notes.findOne({ $or: [{ $where: 'true' }] }),
      () => notes.deleteMany({ $where: (() => true) as never }),
      () => notes.countDocuments({ $expr: { $function: body } }),
      () => notes.distinct('text', { $where: 'true' }),
      () => notes.updateOne({ $where: 'true' }, { $set: { text: '' } }),
      () => notes.updateOne({}, [{ $set: { text: { $function: body } } }]),
      () => notes.find({}, { projection: { x: { $function: body } } }),
      () => notes.find().project({ x: { $function: body } }),
      () => notes.find().filter({ $where: 'true' }),
      () => notes.updateOne({}, { $set: { text: '' } }, { arrayFilters: [{ $where: 'true' }] }),
      () => notes.findOne({}, { let: { x: { $function: body } } }),
    ]
    await tenancy.run(acme, async () => {
      for (const call of calls) assert.equal(await codeOf(call), 'STATEMENT_REFUSED', String(call))
    })
    assert.deepEqual(sent(), [])
  })

  it('transactions are refused where the server has none, before anything is sent', async () => {
    const plain = mongoDatabase({ ...options(), transactions: false })
    const without = tenancy.handle(plain)
    assert.equal(await codeOf(() => tenancy.run(acme, () => without.transaction(async () => 1))), 'STATEMENT_REFUSED')
    assert.deepEqual(sent(), [])
    assert.equal(plain.claims.transactions, false)
    await plain.close()
    if (mongo.hasTransactions) return
    const claiming = mongoDatabase({ ...options(), transactions: true })
    assert.equal(await codeOf(() => claiming.ready()), 'UNSAFE_CONFIGURATION')
    assert.equal(
      await codeOf(() =>
        claiming
          .handle(() => acme)
          .collection('notes')
          .findOne({}),
      ),
      'UNSAFE_CONFIGURATION',
    )
    await claiming.close()
  })

  it('M9 who is not provisioned has no store, and a write does not make one', async () => {
    const nobody = tenantOf('nobody')
    const notes = isolation.handle(() => nobody).collection('notes')
    assert.equal(await codeOf(() => notes.insertOne({ a: 1 })), 'TENANT_STORE_MISSING')
    const database = watched.client.db(`${mongo.prefix}${tenantDigest('nobody')}`)
    assert.deepEqual(await database.listCollections().toArray(), [])
  })

  it('M9 a tenant that was erased elsewhere is refused once its mark is looked at again', async () => {
    const tenant = tenantOf('leaving')
    const near = mongoDatabase({ ...options(), recheck: 50 })
    await near.provision(tenant)
    const notes = near.handle(() => tenant).collection('notes')
    await notes.insertOne({ a: 1 })
    await isolation.deprovision(tenant)
    await new Promise(resolve => setTimeout(resolve, 60))
    assert.equal(await codeOf(() => notes.insertOne({ a: 2 })), 'TENANT_STORE_MISSING')
    await near.close()
  })

  it('D1 D13 a database whose mark names another tenant serves nobody', async () => {
    const taken = tenantOf('thief', { mongo_database: `${mongo.prefix}${tenantDigest('acme')}` })
    // In a process that has never seen the first one.
    const fresh = mongoDatabase(options())
    const notes = fresh.handle(() => taken).collection('notes')
    assert.equal(await codeOf(() => notes.find().toArray()), 'IDENTITY_MISMATCH')
    assert.equal(await codeOf(() => fresh.provision(taken)), 'OBJECT_FOREIGN')
    assert.equal(await codeOf(() => fresh.deprovision(taken)), 'OBJECT_FOREIGN')
    await fresh.close()
    assert.equal(await tenancy.run(acme, () => handle.collection('notes').countDocuments()), 3)
  })

  it('a server that goes away is DATABASE_UNAVAILABLE or CONNECTION_LOST, and health says so without throwing', async () => {
    const proxy = await mongoProxy(mongo.url)
    const client = new MongoClient(proxy.url, { serverSelectionTimeoutMS: 300, retryReads: false })
    const lost = mongoDatabase({ ...options(), client })
    const notes = lost.handle(() => acme).collection('notes')
    assert.deepEqual({ ...(await lost.health(acme)), latency: 0 }, { ok: true, latency: 0 })
    await proxy.close()
    const first = await codeOf(() => notes.findOne({}))
    assert.match(first, /^(CONNECTION_LOST|DATABASE_UNAVAILABLE)$/)
    assert.equal(await codeOf(() => notes.findOne({})), 'DATABASE_UNAVAILABLE')
    const health = await lost.health(acme)
    assert.deepEqual({ ...health, latency: 0 }, { ok: false, latency: 0, reason: 'DATABASE_UNAVAILABLE' })
    await lost.close()
    await client.close()
  })

  it('a driver’s error of the server stays what it is', async () => {
    const error = await tenancy
      .run(acme, () => handle.collection<Note>('notes').insertOne({ _id: '1', text: '' }))
      .catch((caught: unknown) => caught)
    assert.ok(!isTenancyError(error))
    assert.equal((error as { code?: unknown }).code, 11000)
  })
})
