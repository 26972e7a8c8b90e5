import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { expect, it, onTestFinished } from 'vitest'
import { bearer, describeStores, type Headers, problemIn, run, some } from './support.ts'

const inference = { model: 'echo', prompt: 'how are you' }

describeStores('whose request it is', house => {
  it('I01 I06 I36 I40 a request with a key lands in the MongoDB and the Redis database of its tenant, and in no other', async () => {
    const { send, key, deployment } = await run(house)
    for (const id of ['acme_corp', 'globex_inc', 'initech']) {
      const { headers } = await key(id)
      expect(await send('POST', '/v1/inferences', headers, { model: 'echo', prompt: `of ${id}` })).toMatchObject({
        status: 201,
        body: { cached: false },
      })
      expect(await send('GET', '/v1/inferences', headers)).toMatchObject({ body: [{ prompt: `of ${id}` }] })
      expect(await send('GET', some, headers)).toMatchObject({ body: { tenant_id: id, inferences: 1 } })
    }
    for (const config of JSON.parse(deployment.TENANT_CONFIGS)) {
      const client = new MongoClient(config.mongo_uri)
      const redis = new Redis(`redis://${config.redis_addr}/${config.redis_db}`)
      onTestFinished(async () => {
        redis.disconnect()
        await client.close()
      })
      const found = await client.db(config.mongo_database).collection('inferences').find().toArray()
      expect(found.map(({ prompt }) => prompt)).toEqual([`of ${config.tenant_id}`])
      const names = await redis.keys('*')
      expect(names).toHaveLength(2)
      for (const name of names) expect(name).toMatch(`t:${config.tenant_id}:`)
      await redis.flushdb()
    }
  })

  it('I01 what one tenant has cached is not known to another, and its requests do not use up the other’s quota', async () => {
    const { send, key } = await run(house, undefined, { limit: 2 })
    const [acme, globex] = [(await key('acme_corp')).headers, (await key('globex_inc')).headers]
    const ask = (headers: Headers) => send('POST', '/v1/inferences', headers, inference)
    expect(await ask(acme)).toMatchObject({ status: 201, body: { cached: false, output: 'you are how' } })
    expect(await ask(acme)).toMatchObject({ status: 201, body: { cached: true, output: 'you are how' } })
    expect((await ask(acme)).status).toBe(429)
    expect(await ask(globex)).toMatchObject({ status: 201, body: { cached: false } })
    expect(await send('GET', some, acme)).toMatchObject({ body: { inferences: 2 } })
  })

  it('I04 C02 a token, a key or a header that a gateway proves names the tenant; all may be there, and must agree', async () => {
    const { send, key, deployment } = await run(house)
    const token = await bearer(house, 'globex_inc')
    const { headers: own } = await key('globex_inc')
    const header = { 'x-tenant-id': 'globex_inc' }
    const proof = { 'x-gateway-key': deployment.GATEWAY_KEY }
    for (const headers of [token, own, { ...header, ...proof }, { ...token, ...own, ...header }])
      expect(await send('GET', some, headers)).toMatchObject({ status: 200, body: { tenant_id: 'globex_inc' } })
    expect(problemIn(await send('GET', some, header))).toBe('403 TENANT_UNVERIFIED')
    expect(problemIn(await send('GET', some, { ...header, 'x-gateway-key': 'wrong' }))).toBe('403 TENANT_UNVERIFIED')
  })

  it('I46 E7 C03 the key of a tenant with the token or header of another is refused, whoever vouches for the header', async () => {
    const { send, key, deployment, records } = await run(house)
    const { headers: acme } = await key('acme_corp')
    const globex = { 'x-tenant-id': 'globex_inc' }
    const proof = { 'x-gateway-key': deployment.GATEWAY_KEY }
    for (const other of [await bearer(house, 'globex_inc'), globex, { ...globex, ...proof }]) {
      const answer = await send('POST', '/v1/inferences', { ...acme, ...other }, inference)
      expect(problemIn(answer)).toBe('403 TENANT_AMBIGUOUS')
      expect(JSON.stringify(answer.body)).not.toMatch(/acme|globex/)
    }
    expect(await send('GET', some, acme)).toMatchObject({ body: { inferences: 0 } })
    expect(records.filter(({ event, outcome }) => event === 'tenancy.refused' && outcome === 'ambiguous')).toHaveLength(
      3,
    )
  })

  it('I05 C09 a key with the prefix of another tenant, of none, or of nobody’s making opens nothing', async () => {
    const { send, key } = await run(house)
    const text = (await key('acme_corp')).headers['x-api-key'] ?? ''
    const secretPart = text.split('_sk_')[1]
    for (const forged of [
      `globex_inc_sk_${secretPart}`,
      `umbrella_sk_${secretPart}`,
      `acme_corp_sk_${'A'.repeat(32)}`,
      text.slice(0, -1),
      secretPart ?? '',
    ])
      expect(problemIn(await send('GET', some, { 'x-api-key': forged }))).toBe('401 CREDENTIAL_INVALID')
  })

  it('I04 C02 a bad token never falls back, neither to a good key nor to a header that a gateway proves', async () => {
    const { send, key, deployment } = await run(house)
    const { headers: own } = await key('acme_corp')
    const vouched = { 'x-tenant-id': 'acme_corp', 'x-gateway-key': deployment.GATEWAY_KEY }
    const old = await bearer(house, 'acme_corp', -60)
    for (const bad of [old, { authorization: 'Bearer x' }, { authorization: `${old.authorization}x` }])
      expect(problemIn(await send('GET', some, { ...bad, ...own, ...vouched }))).toBe('401 CREDENTIAL_INVALID')
  })

  it('I26 data wants a credential: a request without any is not the default tenant’s', async () => {
    const { send } = await run(house)
    for (const [method, path, body] of [
      ['GET', some],
      ['GET', '/v1/inferences'],
      ['POST', '/v1/inferences', inference],
      ['POST', '/v1/reports', { pipeline: [] }],
    ] as const)
      expect(problemIn(await send(method, path, {}, body))).toBe('401 TENANT_CREDENTIALS_REQUIRED')
    expect(problemIn(await send('GET', some, await bearer(house, 'umbrella')))).toBe('404 TENANT_NOT_FOUND')
  })

  it('M2 a pipeline of the caller’s that leaves the database, or writes, is refused; one that reads is run', async () => {
    const { send, key, deployment } = await run(house)
    const [acme, globex] = [(await key('acme_corp')).headers, (await key('globex_inc')).headers]
    await send('POST', '/v1/inferences', globex, { model: 'echo', prompt: 'loot' })
    await send('POST', '/v1/inferences', acme, inference)
    const { mongo_database: db } = JSON.parse(deployment.TENANT_CONFIGS)[1]
    const lookup = { $lookup: { from: { db, coll: 'inferences' }, pipeline: [], as: 'loot' } }
    for (const stage of [
      lookup,
      { $facet: { a: [lookup] } },
      { $unionWith: { db, coll: 'inferences' } },
      { $lookup: { from: 'inferences', pipeline: [{ $unionWith: { db, coll: 'inferences' } }], as: 'loot' } },
      { $out: { db, coll: 'inferences' } },
      { $merge: { into: { db, coll: 'inferences' } } },
      { $out: 'inferences' },
      { $match: { $where: 'true' } },
      { $currentOp: {} },
    ]) {
      const answer = await send('POST', '/v1/reports', acme, { pipeline: [stage] })
      expect(problemIn(answer)).toBe('400 INPUT_INVALID')
      expect(JSON.stringify(answer.body)).not.toContain(db)
    }
    const honest = [{ $group: { _id: '$model', count: { $sum: 1 } } }]
    expect(await send('POST', '/v1/reports', acme, { pipeline: honest })).toMatchObject({
      status: 200,
      body: [{ _id: 'echo', count: 1 }],
    })
    expect(await send('GET', '/v1/inferences', globex)).toMatchObject({ body: [{ prompt: 'loot' }] })
  })

  it('a query in the address is text: no operator of the database comes in that way', async () => {
    const { send, key } = await run(house)
    const { headers } = await key('acme_corp')
    await send('POST', '/v1/inferences', headers, inference)
    expect((await send('GET', '/v1/inferences?model=echo', headers)).body).toHaveLength(1)
    expect((await send('GET', '/v1/inferences?model=other', headers)).body).toHaveLength(0)
    expect((await send('GET', '/v1/inferences?model=a&model=b', headers)).status).toBe(400)
    expect((await send('GET', '/v1/inferences?model[$ne]=x', headers)).status).toBe(400)
    expect((await send('POST', '/v1/inferences', headers, { model: { $ne: 1 }, prompt: 'x' })).status).toBe(400)
  })
})
