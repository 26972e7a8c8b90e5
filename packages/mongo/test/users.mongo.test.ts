import assert from 'node:assert/strict'
import { secret, tenantDigest } from '@tenantry/core'
import { describeMongo } from '@tenantry/servers/vitest'
import { type Document, MongoClient } from 'mongodb'
import { afterAll, beforeAll, beforeEach, it } from 'vitest'
import { derivedPasswords, type MongoDatabase, mongoDatabase } from '../src/index.ts'
import { type MongoProxy, mongoProxy } from './mongo-proxy.ts'
import { codeOf, silent, tenantOf } from './support.ts'

// What the adapter asks a server with users for. The answers are a double's, since this server has no users; that a real one keeps
// tenants apart by them is looked at in replica-set.mongo.test.ts.
describeMongo('the users of tenants, as commands', mongo => {
  const users: Document[] = []
  const asked: Document[] = []
  const passwords = derivedPasswords(secret('a master that has more than 32 characters'))
  let proxy: MongoProxy
  let admin: MongoClient
  let isolation: MongoDatabase
  const acme = tenantOf('acme')
  const nameOf = (id: string) => `${mongo.prefix}${tenantDigest(id)}`

  function answer(command: Document): Document | undefined {
    const [name = ''] = Object.keys(command)
    if (!/^(usersInfo|createUser|updateUser|dropUser)$/.test(name)) return undefined
    if (name !== 'usersInfo') asked.push(command)
    const at = users.findIndex(({ user, db }) => user === command[name] && db === command.$db)
    const { pwd: _, lsid: __, $db: db, ...rest } = command
    if (name === 'usersInfo') {
      const wanted = command.usersInfo
      return { users: wanted.forAllDBs ? users : users.filter(({ user }) => user === wanted.user), ok: 1 }
    }
    if (name === 'createUser') users.push({ ...rest, user: command.createUser, db })
    else if (name === 'updateUser') users[at] = { ...users[at], ...rest }
    else users.splice(at, 1)
    return { ok: 1 }
  }

  const made = () =>
    mongoDatabase({
      users: { uri: proxy.url, admin, passwords },
      keyPrefix: mongo.prefix,
      transactions: mongo.hasTransactions,
      logger: silent,
    })

  beforeAll(async () => {
    proxy = await mongoProxy(mongo.url, answer)
    admin = new MongoClient(proxy.url)
    isolation = made()
  })
  beforeEach(() => {
    users.length = 0
    asked.length = 0
  })
  afterAll(async () => {
    await isolation.close()
    await admin.close()
    await proxy.close()
  })

  it('M1 D11 provisioning makes a user of one database with one role, and does it again without harm', async () => {
    await isolation.provision(acme)
    await isolation.provision(acme)
    const rights = {
      pwd: (await passwords(acme)).reveal(),
      roles: [{ role: 'readWrite', db: nameOf('acme') }],
      customData: { tenantry: tenantDigest('acme') },
      $db: nameOf('acme'),
    }
    const [first, second, ...more] = asked.map(({ lsid: _, ...command }) => command)
    assert.deepEqual(first, { createUser: nameOf('acme'), ...rights })
    assert.deepEqual(second, { updateUser: nameOf('acme'), ...rights })
    assert.deepEqual(more, [])
    assert.equal(isolation.claims.enforced, true)
  })

  it('M9 erasing takes the user first, then the database', async () => {
    await isolation.provision(acme)
    const before = proxy.commands.length
    const { erased } = await isolation.deprovision(acme)
    const order = proxy.commands.slice(before).map(({ name }) => name)
    assert.ok(
      order.indexOf('dropUser') !== -1 && order.indexOf('dropUser') < order.indexOf('dropDatabase'),
      order.join(),
    )
    assert.deepEqual(erased.map(({ kind }) => kind).toSorted(), ['database', 'user'])
    assert.deepEqual(users, [])
  })

  it('a user that somebody else has made is neither taken over nor dropped', async () => {
    users.push({ user: nameOf('theirs'), db: nameOf('theirs'), roles: [{ role: 'root', db: 'admin' }] })
    assert.equal(await codeOf(() => isolation.provision(tenantOf('theirs'))), 'OBJECT_FOREIGN')
    assert.equal(await codeOf(() => isolation.deprovision(tenantOf('theirs'))), 'OBJECT_FOREIGN')
    assert.deepEqual(asked, [])
  })

  it('M1 a user of a tenant that may do more is an unsafe configuration, and nobody is served', async () => {
    await isolation.provision(acme)
    assert.deepEqual(
      (await isolation.verify()).filter(({ id }) => id === 'M1'),
      [],
    )
    const own = { role: 'readWrite', db: nameOf('acme') }
    for (const roles of [
      [own, { role: 'read', db: nameOf('globex') }],
      [{ role: 'readWriteAnyDatabase', db: 'admin' }],
      [{ ...own, db: 'other' }],
      [],
    ]) {
      users[0] = { ...users[0], roles }
      const findings = await isolation.verify()
      assert.equal(
        findings.filter(({ id, severity }) => id === 'M1' && severity === 'error').length,
        1,
        JSON.stringify(roles),
      )
      const other = made()
      assert.equal(await codeOf(() => other.ready()), 'UNSAFE_CONFIGURATION')
      assert.equal(
        await codeOf(() =>
          other
            .handle(() => acme)
            .collection('notes')
            .findOne({}),
        ),
        'UNSAFE_CONFIGURATION',
      )
      await other.close()
    }
  })

  it('M10 a tenant is in no URI: its client logs in by options, as itself, in its own database', async () => {
    await isolation.provision(acme)
    const before = proxy.commands.length
    await codeOf(() => isolation.connect(acme))
    // The double lets nobody log in; what is asked is whose login it was.
    const login = proxy.commands.slice(before).find(({ name }) => name === 'saslStart')
    assert.equal(login?.database, nameOf('acme'))
  })
})
