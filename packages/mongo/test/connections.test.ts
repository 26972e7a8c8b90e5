import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { isTenancyError, secret } from '@tenantry/core'
import { MongoClient } from 'mongodb'
import { describe, it } from 'vitest'
import { connectionProblems, parseConnection } from '../src/clients/connection-rules.ts'
import { derivedPasswords, mongoDatabase } from '../src/index.ts'
import { codeOf, silent, tenantOf } from './support.ts'

const password = 'hunter2-of-the-database'
const master = secret('a master that has more than 32 characters')

/** The documented forms, and what the driver makes of each. */
const forms = {
  basic: { uri: 'mongodb://localhost:27017', hosts: ['localhost:27017'] },
  'with authentication': {
    uri: `mongodb://user:${password}@localhost:27017`,
    hosts: ['localhost:27017'],
    user: 'user',
  },
  'with a database': { uri: 'mongodb://localhost:27017/another_database', hosts: ['localhost:27017'] },
  'of a replica set': { uri: 'mongodb://a:1,b:2,c:3/?replicaSet=rs0', hosts: ['a:1', 'b:2', 'c:3'], replicaSet: 'rs0' },
  'with TLS': {
    uri: `mongodb://user:${password}@localhost:27017/?ssl=true`,
    hosts: ['localhost:27017'],
    user: 'user',
    tls: true,
  },
} as const

describe('the connection of a tenant', () => {
  it.for(Object.entries(forms))('I32 the URI %s is taken', ([, { uri, hosts, ...rest }]) => {
    const { options } = parseConnection('a test', uri, {})
    const expected: { user?: string; replicaSet?: string; tls?: boolean } = rest
    assert.deepEqual(options.hosts.map(String), hosts)
    assert.equal(options.credentials?.username, expected.user)
    assert.equal(options.replicaSet, expected.replicaSet)
    assert.equal(options.tls === true, expected.tls === true)
  })

  it.for([
    '',
    'localhost',
    'http://localhost',
    `mongodb://user:${password}@`,
    `mongodb://u:${password}@h/?nonsense=1`,
    `mongodb://u:${password}%@h`,
  ])('I13 the URI %j is refused, and nothing of it is told', uri => {
    try {
      parseConnection('The connection of a test', uri, {})
      assert.fail('It was taken.')
    } catch (error) {
      assert.ok(isTenancyError(error))
      assert.equal(error.code, 'CONFIG_INVALID')
      assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes(password))
    }
  })

  it('I49 I50 without TLS, with a TLS that checks nothing, without a login: each is named', () => {
    const both = { requireTls: true, requireAuth: true }
    const problems = (uri: string) => connectionProblems(new MongoClient(uri), both)
    assert.deepEqual(problems(`mongodb://u:${password}@h/?tls=true`), [])
    assert.equal(problems('mongodb://h').length, 2)
    assert.equal(problems(`mongodb://u:${password}@h`).length, 1)
    assert.equal(problems('mongodb://h/?tls=true').length, 1)
    for (const lax of ['tlsInsecure=true', 'tlsAllowInvalidCertificates=true', 'tlsAllowInvalidHostnames=true'])
      assert.equal(problems(`mongodb://u:${password}@h/?tls=true&${lax}`).length, 1, lax)
    assert.deepEqual(connectionProblems(new MongoClient('mongodb://h'), { requireTls: false, requireAuth: false }), [])
  })

  it('I49 I50 a bad configuration lists all that is wrong, and no secret', () => {
    const admin = new MongoClient(`mongodb://root:${password}@h`)
    try {
      mongoDatabase({
        client: new MongoClient('mongodb://h'),
        users: { uri: `mongodb://u:${password}@h`, admin, passwords: derivedPasswords(master) },
        limits: { options: { authSource: 'admin' } },
        requireTls: true,
        requireAuth: true,
      })
      assert.fail('It was taken.')
    } catch (error) {
      assert.ok(isTenancyError(error) && error.code === 'CONFIG_INVALID')
      assert.ok(error.details.problems.length >= 6, error.message)
      assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes(password))
    }
  })

  it('exactly one mode is configured', async () => {
    const client = new MongoClient('mongodb://h')
    for (const options of [{}, { client, uri: () => 'mongodb://h' }, { clients: {} }, { users: {} as never }])
      assert.equal(await codeOf(() => mongoDatabase(options)), 'CONFIG_INVALID')
    for (const options of [
      { limits: { max: 0 } },
      { limits: { wait: -1 } },
      { recheck: 0.5 },
      { keyPrefix: 'A' },
      { onUnsafe: 'ignore' as never },
    ])
      assert.equal(await codeOf(() => mongoDatabase({ client, ...options })), 'ARGUMENT_INVALID')
    assert.equal(
      await codeOf(() => mongoDatabase({ client, indexes: { 'system.users': [{ key: { a: 1 } }] } })),
      'STATEMENT_REFUSED',
    )
    assert.equal(await codeOf(() => mongoDatabase({ client, indexes: { a: [{ key: {} }] } })), 'ARGUMENT_INVALID')
  })

  it('I13 I14 a tenant without a URI, or without the name of its database, is refused', async () => {
    const isolation = mongoDatabase({
      uri: ({ id }) => (id === 'none' ? undefined : secret('mongodb://127.0.0.1:1')),
      logger: silent,
    })
    const named = { mongo_database: 'acme_db' }
    assert.equal(await codeOf(() => isolation.connect(tenantOf('none', named))), 'PLACEMENT_INVALID')
    assert.equal(await codeOf(() => isolation.connect(tenantOf('acme'))), 'PLACEMENT_INVALID')
    await isolation.close()
  })

  it('M10 a tenant’s password is its own, and made of nothing that another could guess', async () => {
    const passwords = derivedPasswords(master)
    const [one, again, other] = [
      await passwords(tenantOf('a')),
      await passwords(tenantOf('a')),
      await passwords(tenantOf('A')),
    ]
    assert.equal(one.reveal(), again.reveal())
    assert.notEqual(one.reveal(), other.reveal())
    assert.match(one.reveal(), /^[\w-]{43}$/)
    assert.notEqual(
      (await derivedPasswords(secret('another master of more than 32 characters'))(tenantOf('a'))).reveal(),
      one.reveal(),
    )
    assert.equal(await codeOf(() => derivedPasswords(secret('short'))), 'ARGUMENT_INVALID')
  })
})
