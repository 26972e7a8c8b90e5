import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { envRegistry, secret, tenantParameters } from '../src/index.ts'
import { recorder, refusal } from './support.ts'

const canary = 'CANARY-s3cret'
const acme = {
  tenant_id: 'acme_corp',
  name: 'Acme Corporation',
  mongo_uri: 'mongodb://acme-mongo:27017',
  mongo_database: 'acme_corp_db',
  redis_addr: 'acme-redis:6379',
}
const globex = {
  tenant_id: 'globex_inc',
  name: 'Globex Inc',
  mongo_uri: 'mongodb://globex-mongo:27017',
  mongo_database: 'globex_inc_db',
  redis_addr: 'globex-redis:6379',
  redis_db: 1,
}
const oidc = {
  oidc_issuer: 'https://keycloak.example.com/realms/my-realm',
  oidc_client_id: 'inference-api-client',
  oidc_client_secret: canary,
  oidc_redirect_url: 'https://api.platform.com/v1/auth/oidc/callback',
}

const load = (configs: readonly unknown[], env: Readonly<Record<string, string>> = {}) =>
  envRegistry({
    env: { TENANT_CONFIGS: JSON.stringify(configs), DEFAULT_TENANT_ID: 'acme_corp', ...env },
    logger: recorder(),
    ...tenantParameters,
  })
const config = (change: object = {}, env?: Readonly<Record<string, string>>) =>
  load([{ ...acme, ...change }], env).config('acme_corp')
/** What is wrong with a configuration: each problem less its beginning. Shows nothing of any value. */
async function problemsOf(configs: readonly unknown[], env?: Readonly<Record<string, string>>) {
  const error = await refusal('CONFIG_INVALID', () => load(configs, env))
  expect(inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error) + error.stack).not.toContain('CANARY')
  expect(error.cause).toBeUndefined()
  return error.details.problems.map(problem => problem.replaceAll('TENANT_CONFIGS', ''))
}
const wrong = (change: object, env?: Readonly<Record<string, string>>) => problemsOf([{ ...acme, ...change }], env)
const starts = (problem: string) => expect.stringMatching(new RegExp(`^\\[0\\]\\.${problem}`))

describe('the parameters of a tenant', () => {
  it('I13 I14 I15 I16 I23 are read, with secrets that show themselves to nobody', () => {
    const found = config({ mongo_uri: `mongodb://root:${canary}@acme-mongo:27017` })
    expect(found).toEqual({
      mongo_uri: expect.anything(),
      mongo_database: 'acme_corp_db',
      redis_addr: { host: 'acme-redis', port: 6379, canonical: 'acme-redis:6379' },
      redis_db: 0,
      oidc_scopes: 'openid profile email',
    })
    expect(found.mongo_uri.reveal()).toBe(`mongodb://root:${canary}@acme-mongo:27017`)
    expect(inspect(found, { depth: 9, showHidden: true }) + JSON.stringify(found)).not.toContain('CANARY')
  })

  it.each(['tenant_id', 'name', 'mongo_uri', 'mongo_database', 'redis_addr'])(
    'I11 I12 I13 I14 I15 %s is required',
    async name => {
      expect(await wrong({ [name]: undefined }, { DEFAULT_TENANT_ID: '' })).toEqual([`[0].${name}: is required`])
      for (const value of [null, 7, '', {}, []])
        expect(await wrong({ [name]: value }, { DEFAULT_TENANT_ID: '' })).toEqual([starts(`${name}: must be`)])
    },
  )

  it('I11 an id that stands twice is told with both places', async () => {
    expect(await problemsOf([acme, { ...globex, tenant_id: 'acme_corp' }])).toEqual([
      '[1].tenant_id: is the same as [0].tenant_id',
    ])
  })

  it('I24 a key that stands twice in one object is refused, though JSON.parse would take the last', async () => {
    const text = JSON.stringify([acme])
    for (const twice of [
      text.replace('"mongo_uri"', `"mongo_uri":"${canary}","mongo_uri"`),
      text.replace('"tenant_id"', '"tenant_id":"beta","tenant\\u005fid"'),
    ])
      expect(await problemsOf([], { TENANT_CONFIGS: twice })).toEqual([
        ': has a key twice in one object, of which one would be lost',
      ])
  })
})

describe('mongo_uri', () => {
  it.each([
    ['basic', 'mongodb://host:27017'],
    ['with authentication', 'mongodb://username:password@host:27017'],
    ['with database', 'mongodb://host:27017/database'],
    ['replica set', 'mongodb://host1:27017,host2:27018/?replicaSet=rs0'],
    ['SSL', 'mongodb://host:27017/?ssl=true'],
    ['no port', 'mongodb://host'],
    ['an encoded password', 'mongodb://user:p%40ss%2Fword@host:27017/?authSource=admin&tls=true'],
    ['a user without password', 'mongodb://user@host/?authMechanism=MONGODB-X509'],
    ['an empty password', 'mongodb://user:@host'],
    ['IPv4', 'mongodb://10.0.0.1:27017'],
    ['IPv6', 'mongodb://[2001:db8::1]:27017,[::1]/db'],
    ['a name of the name server', 'mongodb+srv://user:pass@cluster0.example.net/?retryWrites=true'],
    ['names with underscores, as Docker has them', 'mongodb://acme_mongo_1:27017'],
  ])('I13 I32 takes the form: %s', (_, uri) => {
    expect(config({ mongo_uri: uri }).mongo_uri.reveal()).toBe(uri)
  })

  it.each([
    `CANARY`,
    'localhost:27017',
    'http://host:27017',
    'MONGODB://host',
    'mongodb:/host',
    'mongodb://',
    'mongodb://:27017',
    'mongodb:///db',
    'mongodb://host:0',
    'mongodb://host:65536',
    'mongodb://host:port',
    'mongodb://host:27017,',
    'mongodb://,host',
    'mongodb://host,,host2',
    `mongodb://user:CANARY@@host`,
    `mongodb://user:CANARY/x@host`,
    `mongodb://user:CANARY:x@host`,
    `mongodb://user:CANARY%4@host`,
    `mongodb://user:CANARY?@host`,
    `mongodb://:CANARY@host`,
    'mongodb://host/a/b',
    'mongodb://host/a b',
    'mongodb://host/$db',
    'mongodb://host?x=1#CANARY',
    'mongodb://host/?tls',
    'mongodb://host/?=true',
    'mongodb://host/?a=1&&b=2',
    'mongodb://ho st',
    'mongodb://host\n',
    'mongodb://host\0',
    'mongodb://[::1',
    'mongodb://[host]:1',
    'mongodb://127.1:27017',
    'mongodb://0x7f000001:27017',
    'mongodb://2130706433:27017',
    'mongodb+srv://cluster0.example.net:27017',
    'mongodb+srv://a.example.net,b.example.net',
    'mongodb+srv://localhost',
    'mongodb+SRV://cluster0.example.net',
  ])('I13 I32 refuses %j, and does not echo it', async uri => {
    expect(await wrong({ mongo_uri: uri })).toEqual([starts('mongo_uri: must be a connection string')])
  })

  it('I13 never shows what it was given, whatever that was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.string(), async (before, after) => {
        // What no connection string can be, with the secret anywhere in it.
        await wrong({ mongo_uri: `${before}${canary}${after} ` })
      }),
    )
  })
})

describe('mongo_database', () => {
  it.each(['acme_corp_db', 'A', 'a-b', '0', 'administrator', 'x'.repeat(63)])('I14 takes %s', name => {
    expect(config({ mongo_database: name }).mongo_database).toBe(name)
  })

  it.each([
    ...[
      'x'.repeat(64),
      'a b',
      'a.b',
      'a/b',
      'a\\b',
      'a"b',
      'a$b',
      'a*b',
      'a<b',
      'a>b',
      'a:b',
      'a|b',
      'a?b',
      'a\0',
      'é',
      'a\n',
    ],
    ...['admin', 'local', 'config', 'Admin', 'CONFIG'],
  ])('I14 refuses %j', async name => {
    expect(await wrong({ mongo_database: name })).toEqual([starts('mongo_database: must be 1–63')])
  })

  it.each([
    ['the same server', acme.mongo_uri, acme.mongo_uri],
    ['one with and one without a port', 'mongodb://acme-mongo', 'mongodb://acme-mongo:27017'],
    ['capitals', 'mongodb://ACME-mongo', 'mongodb://acme-mongo.'],
    ['other users', 'mongodb://a:b@acme-mongo', 'mongodb://c:d@acme-mongo/?tls=true'],
    ['another database in the path', 'mongodb://acme-mongo/x', 'mongodb://acme-mongo/y'],
    ['members of one replica set', 'mongodb://m1,m2/?replicaSet=rs0', 'mongodb://m2,m3/?replicaSet=rs0'],
    ['this machine', 'mongodb://localhost', 'mongodb://127.0.0.1:27017'],
    ['IPv6 in two spellings', 'mongodb://[2001:db8::1]', 'mongodb://[2001:0DB8:0:0:0:0:0:1]:27017'],
    ['a name of the name server', 'mongodb+srv://u:p@c.example.net', 'mongodb+srv://C.example.net/x'],
  ])('I40 M2 two tenants have no one database, by any case: %s', async (_, one, other) => {
    const configs = [
      { ...acme, mongo_uri: one, mongo_database: 'Shared' },
      { ...globex, mongo_uri: other, mongo_database: 'shared' },
    ]
    expect(await problemsOf(configs)).toEqual(['[1].mongo_database: is, on the same server, the database of [0]'])
  })

  it('I40 two tenants may have two databases on one server, or one name on two', () => {
    load([acme, { ...globex, mongo_uri: acme.mongo_uri }])
    load([acme, { ...globex, mongo_database: acme.mongo_database }])
    load([
      { ...acme, mongo_uri: 'mongodb://host:1', mongo_database: 'a' },
      { ...globex, mongo_uri: 'mongodb://host:2', mongo_database: 'a' },
    ])
  })
})

describe('redis_addr and redis_db', () => {
  it.each([
    ['localhost:6379', 'localhost', 6379],
    ['acme-redis.internal:1', 'acme-redis.internal', 1],
    ['10.0.0.1:65535', '10.0.0.1', 65_535],
    ['[::1]:6379', '::1', 6379],
    ['[2001:db8::a]:6380', '2001:db8::a', 6380],
    ['redis_1:6379', 'redis_1', 6379],
  ])('I15 takes %s', (address, host, port) => {
    expect(config({ redis_addr: address }).redis_addr).toMatchObject({ host, port })
  })

  it.each([
    ...[
      'localhost',
      ':6379',
      'localhost:',
      'localhost:0',
      'localhost:65536',
      'localhost:-1',
      'localhost:6379/0',
      'a:1:2',
    ],
    ...['::1:6379', '[::1]', '[::1:6379', '::1]:6379', '[localhost]:6379', '[1.2.3.4]:6379', '[::g]:6379'],
    ...[
      'redis://localhost:6379',
      'user:CANARY@host:6379',
      'a b:1',
      'a..b:1',
      '-a:1',
      'a-:1',
      '127.1:1',
      '1:1',
      '0x7f.1:1',
      '256.0.0.1:1',
    ],
    ...['localhost:6379\n', 'localhost: 6379', 'localhost:６３７９', `${'a'.repeat(64)}:1`, 'localhost:6.379e3', 'é:1'],
  ])('I15 refuses %j', async address => {
    expect(await wrong({ redis_addr: address })).toEqual([starts('redis_addr: must be host:port')])
  })

  it('I16 C10 without redis_db it is 0, though a table of the document calls it required', () => {
    expect(config().redis_db).toBe(0)
    expect(config({ redis_db: 15 }).redis_db).toBe(15)
  })

  it.each([16, -1, 1.5, '0', '', null, true, 1e9, [], {}])('I16 I17 refuses %j', async number => {
    expect(await wrong({ redis_db: number })).toEqual(['[0].redis_db: must be a whole number from 0 to 15'])
  })

  it.each([
    ['the same address', 'r:6379', 'r:6379', { redis_db: 3 }, { redis_db: 3 }],
    ['the default and 0', 'r:6379', 'r:6379', {}, { redis_db: 0 }],
    ['capitals and a dot at the end', 'Redis:6379', 'redis.:6379', { redis_db: 3 }, { redis_db: 3 }],
    ['this machine', 'localhost:6379', '[::1]:6379', {}, {}],
    ['a port with zeros', 'r:6379', 'r:06379', {}, {}],
  ])('I18 C10 two tenants have no one Redis database: %s', async (_, one, other, first, second) => {
    const configs = [
      { ...acme, redis_addr: one, ...first },
      { ...globex, redis_db: undefined, redis_addr: other, ...second },
    ]
    expect(await problemsOf(configs)).toEqual(['[1].redis_db: is, on the same server, the database of [0]'])
  })

  it('I18 I40 C10 the same number on another server or port, or another on the same, is another database', () => {
    const on = (redis_addr: string, redis_db: number) => ({ redis_addr, redis_db })
    load([
      { ...acme, ...on('a:6379', 0) },
      { ...globex, ...on('b:6379', 0) },
    ])
    load([
      { ...acme, ...on('a:6379', 0) },
      { ...globex, ...on('a:6380', 0) },
    ])
    load([
      { ...acme, ...on('a:6379', 0) },
      { ...globex, ...on('a:6379', 1) },
    ])
  })

  it('I18 of sixteen tenants with one server none shares, and a seventeenth has no place', async () => {
    const many = Array.from({ length: 17 }, (_, n) => ({
      ...acme,
      tenant_id: n === 0 ? 'acme_corp' : `t${n}`,
      mongo_database: `db${n}`,
      redis_db: n % 16,
    }))
    load(many.slice(0, 16))
    expect(await problemsOf(many)).toEqual(['[16].redis_db: is, on the same server, the database of [0]'])
  })
})

describe('frontend_url', () => {
  it.each(['https://app.acme.com', 'http://localhost:3000', 'https://app.acme.com/a?b=c'])('I19 takes %s', url => {
    expect(config({ frontend_url: url }).frontend_url).toBe(url)
    expect(config()).not.toHaveProperty('frontend_url')
  })

  it.each([
    ...[
      '',
      'app.acme.com',
      '//app.acme.com',
      'javascript:alert(1)',
      'data:text/html,x',
      'ftp://app.acme.com',
      'https://',
    ],
    ...[
      'https://user:CANARY@app.acme.com',
      'https://a b',
      'https:\\\\app',
      'https://app\n.com',
      ' https://app.acme.com',
      null,
      7,
    ],
  ])('I19 refuses %j', async url => {
    expect(await wrong({ frontend_url: url })).toEqual([starts('frontend_url: must be an address')])
  })
})

describe('OIDC', () => {
  it('I20 I21 I22 I29 is off without an issuer, and read with its client, whose secret shows itself to nobody', () => {
    expect(config()).not.toHaveProperty('oidc_issuer')
    const found = config({ ...oidc, oidc_scopes: 'openid groups' })
    const { oidc_client_secret, ...plain } = found
    expect(plain).toMatchObject({
      oidc_issuer: oidc.oidc_issuer,
      oidc_client_id: oidc.oidc_client_id,
      oidc_redirect_url: oidc.oidc_redirect_url,
      oidc_scopes: 'openid groups',
    })
    expect(oidc_client_secret?.reveal()).toBe(canary)
    expect(inspect(found, { depth: 9, showHidden: true }) + JSON.stringify(found)).not.toContain('CANARY')
  })

  it.each(['oidc_client_id', 'oidc_client_secret', 'oidc_redirect_url'])(
    'I21 with an issuer, good or bad, %s is required',
    async name => {
      expect(await wrong({ ...oidc, [name]: undefined })).toEqual([`[0].${name}: is required with oidc_issuer`])
      expect(await wrong({ ...oidc, [name]: undefined, oidc_issuer: '{x}' })).toHaveLength(2)
      expect(await wrong({ ...oidc, [name]: '' })).toEqual([starts(`${name}: must be`)])
    },
  )

  it('I21 all that are missing are told at once', async () => {
    expect(await wrong({ oidc_issuer: oidc.oidc_issuer })).toHaveLength(3)
  })

  it('I22 the scopes are openid profile email unless others are given', () => {
    expect(config(oidc).oidc_scopes).toBe('openid profile email')
    expect(config({ ...oidc, oidc_scopes: 'openid' }).oidc_scopes).toBe('openid')
  })

  it.each([
    '',
    ' ',
    'profile email',
    'openid,profile',
    'openid  email',
    ' openid',
    'openid ',
    'openid "x"',
    'OPENID',
    7,
  ])('I22 refuses the scopes %j', async scopes => {
    expect(await wrong({ ...oidc, oidc_scopes: scopes })).toEqual([starts('oidc_scopes: must be')])
  })

  it.each([
    'https://login.microsoftonline.com/{tenant}/v2.0',
    'https://login.microsoftonline.com/{tenant-id}/v2.0',
    'https://login.microsoftonline.com/%7Btenant%7D/v2.0',
    'https://{host}/realms/x',
  ])('I29 refuses an issuer in which a placeholder was left: %s', async issuer => {
    const [problem] = await wrong({ ...oidc, oidc_issuer: issuer })
    expect(problem).toMatch(/^\[0\]\.oidc_issuer: /)
    expect(problem).not.toContain('microsoft')
  })

  it.each([
    ...[
      'http://id.example.com',
      'id.example.com',
      'https://id.example.com?x=1',
      'https://id.example.com/#x',
      '',
      'https://u:CANARY@id',
    ],
  ])('I20 refuses the issuer %j', async issuer => {
    expect(await wrong({ ...oidc, oidc_issuer: issuer })).toEqual([starts('oidc_issuer: must')])
  })

  it.each(['http://localhost:8080/realms/x', 'http://127.0.0.1:8080', 'http://[::1]:8080'])(
    'I20 takes an issuer on this machine without TLS: %s',
    issuer => {
      expect(config({ ...oidc, oidc_issuer: issuer }).oidc_issuer).toBe(issuer)
    },
  )

  it.each([
    'http://api.platform.com/cb',
    '/v1/auth/oidc/callback',
    'https://api.platform.com/cb#x',
    'https://*.platform.com/{x}',
  ])('I21 refuses the redirect address %j', async url => {
    expect(await wrong({ ...oidc, oidc_redirect_url: url })).toEqual([starts('oidc_redirect_url: ')])
  })
})

describe('a reference to a variable of its own', () => {
  it('I43 gives the text of the variable, checked as if it stood there', async () => {
    const env = { ACME_MONGO_URI: `mongodb://root:${canary}@acme-mongo`, OIDC_SECRET: canary }
    const found = config(
      { ...oidc, mongo_uri: { env: 'ACME_MONGO_URI' }, oidc_client_secret: { env: 'OIDC_SECRET' } },
      env,
    )
    expect(found.mongo_uri.reveal()).toBe(env.ACME_MONGO_URI)
    expect(found.oidc_client_secret?.reveal()).toBe(canary)
    expect(await wrong({ mongo_uri: { env: 'ACME_MONGO_URI' } }, { ACME_MONGO_URI: canary })).toEqual([
      starts('mongo_uri: must be a connection string'),
    ])
  })

  it('I43 to one place is one place, too', async () => {
    const env = { ONE: 'mongodb://acme-mongo', OTHER: 'mongodb://u:p@acme-mongo' }
    const configs = [
      { ...acme, mongo_uri: { env: 'ONE' } },
      { ...globex, mongo_uri: { env: 'OTHER' }, mongo_database: acme.mongo_database },
    ]
    expect(await problemsOf(configs, env)).toEqual(['[1].mongo_database: is, on the same server, the database of [0]'])
  })

  it.each([
    ['CANARY_NOT_SET', 'refers to an environment variable that is not set'],
    ['EMPTY', 'refers to an environment variable that is not set'],
    ['constructor', 'refers to an environment variable that is not set'],
    [`mongodb://root:${canary}@host`, 'refers to no environment variable'],
    ['', 'refers to no environment variable'],
    [{ env: 'X' }, 'refers to no environment variable'],
    [null, 'refers to no environment variable'],
  ])('I43 to %j is refused, and the name is not shown', async (env, rule) => {
    expect(await wrong({ mongo_uri: { env } }, { EMPTY: '' })).toEqual([starts(`mongo_uri: ${rule}`)])
  })

  it('I43 is none with more in it, or for what is no parameter', async () => {
    expect(await wrong({ mongo_uri: { env: 'X', default: canary } }, { X: 'mongodb://a' })).toHaveLength(1)
    expect(await wrong({ name: { env: 'X' } }, { X: 'Acme' })).toEqual([starts('name: must be')])
  })
})

describe('a bad configuration', () => {
  it('I11 I12 I13 I14 I15 I16 I17 I18 I19 I20 I21 I22 I24 I26 C08 lists all its errors at once, without a secret', async () => {
    const problems = await problemsOf(
      [
        { ...acme, mongo_uri: canary, redis_db: 16, oidc_issuer: 'https://id.example.com/{tenant}' },
        { tenant_id: 'a b', mongo_database: 'admin', redis_addr: 'r', frontend_url: canary, oidc_client_secret: '' },
        { ...acme, name: 'Again', mongo_uri: { env: canary }, redis_addr: 'r:1' },
        canary,
        { ...globex, redis_addr: 'r:1', redis_db: 0, slug: 'globex' },
        { ...globex, tenant_id: 'last', slug: 'globex', redis_addr: 'r:2', oidc_scopes: '' },
        { ...globex, tenant_id: 'good', redis_addr: 'r:3', mongo_database: 'x', slug: 'globex' },
      ],
      { DEFAULT_TENANT_ID: 'ghost' },
    )
    expect(problems.map(problem => problem.split(':', 1)[0])).toEqual([
      '[0].mongo_uri',
      '[0].redis_db',
      '[0].oidc_issuer',
      '[1].tenant_id',
      '[1].name',
      '[1].mongo_uri',
      '[1].mongo_database',
      '[1].redis_addr',
      '[1].frontend_url',
      '[1].oidc_client_secret',
      '[2].tenant_id',
      '[2].mongo_uri',
      '[3]',
      '[5].oidc_scopes',
      // Rules over several tenants and parameters.
      '[5].mongo_database',
      '[4].redis_db',
      '[0].oidc_client_id',
      '[0].oidc_client_secret',
      '[0].oidc_redirect_url',
      'DEFAULT_TENANT_ID',
      '[6].slug',
    ])
  })

  it('rules of one’s own are asked with the rest', async () => {
    const parameters = { plan: z.enum(['free', 'pro']), token: z.string().transform(secret).optional() }
    const rule = (tenants: readonly { index: number; config: { plan?: string } }[]) =>
      tenants
        .filter(({ config }) => config.plan === 'pro')
        .map(({ index }) => ({ index, parameter: 'token', rule: 'is required' }))
    const TENANT_CONFIGS = JSON.stringify([
      { tenant_id: 'a', name: 'A', plan: 'pro' },
      { tenant_id: 'b', plan: 'x' },
    ])
    const error = await refusal('CONFIG_INVALID', () =>
      envRegistry({ env: { TENANT_CONFIGS }, logger: recorder(), parameters, rules: [rule] }),
    )
    expect(error.details.problems.map(problem => problem.split(':', 1)[0])).toEqual([
      'TENANT_CONFIGS[1].name',
      'TENANT_CONFIGS[1].plan',
      'TENANT_CONFIGS[0].token',
    ])
  })
})

describe('the examples of the document', () => {
  const fixture = (name: string) =>
    readFileSync(new URL(`../../../examples/inference-api/fixtures/${name}`, import.meta.url), 'utf8')
  const use = (env: Readonly<Record<string, string>>) => {
    const logger = recorder()
    return { logger, registry: envRegistry({ env, logger, ...tenantParameters }) }
  }

  it.each([
    ['example-1-basic.json', 'demo_tenant', { mongo_database: 'demo_db', frontend_url: 'https://demo.example.com' }],
    [
      'example-2-entra-id.json',
      'enterprise_tenant',
      { oidc_issuer: 'https://login.microsoftonline.com/abc123/v2.0', oidc_scopes: 'openid profile email' },
    ],
    [
      'example-3-keycloak.json',
      'keycloak_tenant',
      { oidc_issuer: 'https://keycloak.example.com/realms/my-realm', oidc_client_id: 'inference-api-client' },
    ],
  ])('I25 I29 %s is taken as it stands, without a warning', async (name, id, expected) => {
    const { registry, logger } = use({ TENANT_CONFIGS: `[${fixture(name)}]` })
    expect(registry.config(id)).toMatchObject({ ...expected, redis_db: 0 })
    expect(await registry.findDefault()).toMatchObject({ id })
    expect(logger.records).toEqual([])
  })

  it('I18 the three of them together, whose redis_db is 0 on three servers, are taken too', () => {
    const names = ['example-1-basic.json', 'example-2-entra-id.json', 'example-3-keycloak.json']
    expect(use({ TENANT_CONFIGS: `[${names.map(fixture).join()}]` }).registry.config('keycloak_tenant').redis_db).toBe(
      0,
    )
  })

  it('I26 I28 example 4, many lines in a file of Docker Compose, is taken as it stands', async () => {
    const [, block = '', fallback = ''] =
      /TENANT_CONFIGS: \|\n([\s\S]*?)\n {6}DEFAULT_TENANT_ID: "(\w+)"/.exec(fixture('example-4-docker-compose.yaml')) ??
      []
    const { registry } = use({ TENANT_CONFIGS: block, DEFAULT_TENANT_ID: fallback })
    expect(await registry.findDefault()).toMatchObject({ id: 'acme_corp' })
    expect(registry.config('acme_corp')).toMatchObject({ mongo_database: 'acme_corp_db' })
  })
})
