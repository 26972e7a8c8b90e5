import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { expect, it, onTestFinished } from 'vitest'
import { readable } from '../src/memory-logger.ts'
import { bearer, describeStores, problemIn, run, some } from './support.ts'

const canary = 'CANARY-s3cret'
// Nobody listens on port 1.
const nowhere = { mongo_uri: `mongodb://root:${canary}@127.0.0.1:1/?authSource=admin` }
const broken = (id: string, change: object) => (tenants: Readonly<Record<string, unknown>>[]) =>
  tenants.map(tenant => (tenant.tenant_id === id ? { ...tenant, ...change } : tenant))

describeStores('the start', house => {
  it('I07 I08 I09 I34 every tenant is connected before anything listens, and the log says so in its order', async () => {
    const { app, records } = await run(house)
    expect(app.stores.started).toEqual({ ready: ['acme_corp', 'globex_inc', 'initech'], failed: [] })
    expect(app.stores.mongo.clients).toBe(3)
    for (const id of ['acme_corp', 'globex_inc', 'initech']) {
      const told = records.filter(({ tenant, event }) => tenant === id && /^tenant\.init|\.ready$/.test(String(event)))
      expect(told.map(({ event, message }) => `${event}: ${message}`)).toEqual([
        `tenant.init.start: Initializing tenant: ${id}`,
        `mongo.ready: MongoDB client created for tenant: ${id}`,
        `redis.ready: Redis client created for tenant: ${id}`,
      ])
    }
  })

  it('I30 I31 I32 makes the database of mongo_database, whatever the URI says, and its indexes, once', async () => {
    const uri = new URL(house.mongo.url)
    if (uri.username !== '' && !uri.searchParams.has('authSource')) uri.searchParams.set('authSource', 'admin')
    uri.pathname = `/${house.mongo.prefix}elsewhere`
    const change = broken('acme_corp', { mongo_uri: uri.href })
    const { key, send, deployment } = await run(house, change)
    const { headers } = await key('acme_corp')
    expect((await send('POST', '/v1/inferences', headers, { model: 'echo', prompt: 'x' })).status).toBe(201)

    const client = new MongoClient(uri.href)
    onTestFinished(() => client.close())
    const { mongo_database } = JSON.parse(deployment.TENANT_CONFIGS)[0]
    const indexes = await client.db(mongo_database).collection('inferences').indexes()
    expect(indexes.map(({ name }) => name).toSorted()).toEqual(['_id_', 'at_-1', 'model_1_at_-1'])
    const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true })
    expect(databases.map(({ name }) => name)).not.toContain(`${house.mongo.prefix}elsewhere`)

    const again = await run(house, () => JSON.parse(deployment.TENANT_CONFIGS))
    expect(again.records.filter(({ event }) => event === 'mongo.index')).toEqual([])
    expect(await again.send('GET', some, await bearer(house, 'acme_corp'))).toMatchObject({ body: { inferences: 1 } })
  })

  it('I02 I09 C12 with a tenant that cannot be reached nobody is served, and nothing stays open', async () => {
    const admin = new Redis(house.redis[0].url)
    onTestFinished(() => admin.disconnect())
    const clients = async () =>
      String(await admin.client('LIST'))
        .trim()
        .split('\n').length
    const before = await clients()
    const error = await run(house, broken('globex_inc', nowhere)).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({ code: 'FOR_EACH_FAILED', details: { failed: ['globex_inc'], total: 3 } })
    expect(readable([{ level: 'error', message: '', error }])).not.toContain(canary)
    await expect.poll(clients).toBe(before)
  })

  it('I02 I09 I10 I48 C12 or the others are served, its health says why it is not, and no log has its password', async () => {
    const { app, records, send, operator, key } = await run(house, broken('globex_inc', nowhere), {
      onFailure: 'degrade',
    })
    expect(app.stores.started).toMatchObject({
      ready: ['acme_corp', 'initech'],
      failed: [{ tenant: 'globex_inc', part: 'mongo' }],
    })
    expect(await send('GET', '/health', operator)).toMatchObject({
      status: 200,
      body: {
        status: 'degraded',
        tenants: {
          acme_corp: { ok: true },
          globex_inc: { ok: false, mongo: { ok: false, reason: 'DATABASE_UNAVAILABLE' }, redis: { ok: true } },
          initech: { ok: true },
        },
      },
    })
    expect((await send('GET', some, (await key('acme_corp')).headers)).status).toBe(200)
    expect(problemIn(await send('GET', some, (await key('globex_inc')).headers))).toBe('503 DATABASE_UNAVAILABLE')
    expect(records.find(({ event }) => event === 'tenant.init.failed')).toMatchObject({ tenant: 'globex_inc' })
    expect(readable(records)).not.toContain(canary)
    // The same look finds it where it is.
    expect(readable([{ level: 'info', message: '', error: new Error('x', { cause: nowhere }) }])).toContain(canary)
  })

  it('I10 a Redis that is down makes its own tenant unwell, and well again when it is back', async () => {
    const { send, operator, key } = await run(house)
    const [acme, initech] = [(await key('acme_corp')).headers, (await key('initech')).headers]
    const infer = { model: 'echo', prompt: 'x' }
    const health = async () => (await send('GET', '/health', operator)).body
    expect(await health()).toMatchObject({ status: 'ok', well: 3, total: 3 })
    await house.redis[1].down()
    expect(await health()).toMatchObject({
      status: 'degraded',
      well: 2,
      tenants: {
        acme_corp: { ok: true },
        globex_inc: { ok: true },
        initech: { ok: false, mongo: { ok: true }, redis: { ok: false, reason: 'CONNECTION_LOST' } },
      },
    })
    expect(problemIn(await send('POST', '/v1/inferences', initech, infer))).toBe('503 CONNECTION_LOST')
    expect((await send('GET', '/v1/inferences', initech)).status).toBe(200)
    expect((await send('POST', '/v1/inferences', acme, infer)).status).toBe(201)
    await house.redis[1].up()
    await expect.poll(health, { timeout: 10_000 }).toMatchObject({ status: 'ok' })
    expect((await send('POST', '/v1/inferences', initech, infer)).status).toBe(201)
  })

  it('I10 answers 503 when nobody is well, and tells who the tenants are to the operator only', async () => {
    const all = await run(house, tenants => tenants.map(tenant => ({ ...tenant, ...nowhere })), {
      onFailure: 'degrade',
    })
    expect(await all.send('GET', '/health')).toEqual({ status: 503, body: { status: 'down', well: 0, total: 3 } })
    expect((await all.send('GET', '/health', { 'x-operator-key': 'wrong' })).body).not.toHaveProperty('tenants')
  })
})
