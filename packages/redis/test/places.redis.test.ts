import { inspect } from 'node:util'
import { secret } from '@tenantry/core'
import { describeRedis } from '@tenantry/servers/vitest'
import { Redis } from 'ioredis'
import { expect, it, onTestFinished } from 'vitest'
import { type RedisKeyspaceOptions, redisKeyspace } from '../src/index.ts'
import { silent, tenantOf } from './support.ts'

describeRedis('where the keys of tenants live', redis => {
  function connect(url = redis.server.url): Redis {
    const client = new Redis(url)
    onTestFinished(() => client.disconnect())
    return client
  }

  function isolation(options: RedisKeyspaceOptions) {
    const keys = redisKeyspace({ logger: silent, ...options })
    onTestFinished(() => keys.close())
    return keys
  }

  it('I40 I17 by numbered database, with the prefix all the same', async () => {
    const keys = isolation({ client: connect() })
    const [a, b] = [tenantOf('a', { redis_db: '3' }), tenantOf('b', { redis_db: '4' })]
    await keys.handle(() => a).set('k', 'of a')
    await keys.handle(() => b).set('k', 'of b')
    const admin = connect(`${redis.server.url}/3`)
    expect(await admin.keys('*')).toEqual(['t:a:k'])
    expect(await keys.handle(() => a).blpop('none', 0.01)).toBeNull()
    const own = await keys.handle(() => b).connection()
    expect(await own.get('k')).toBe('of b')
    await expect(own.select(3)).rejects.toMatchObject({ code: 'STATEMENT_REFUSED' })
    await admin.flushall()
  })

  it.each(['16', '-1', '1.5', 'x', ''])('I17 refuses database number "%s"', async number => {
    const keys = isolation({ client: connect() })
    const db = keys.handle(() => tenantOf('a', { redis_db: number }))
    await expect(db.get('k')).rejects.toMatchObject({ code: 'PLACEMENT_INVALID' })
  })

  it('I40 D1 by server, which the placement names', async () => {
    const other = await redis.another()
    const keys = isolation({ clients: { one: connect(), two: connect(other.url) } })
    await keys.handle(() => tenantOf('a', { redis: 'one' })).set('k', 'of a')
    await keys.handle(() => tenantOf('b', { redis: 'two' })).set('k', 'of b')
    expect(await connect(other.url).keys('*')).toEqual(['t:b:k'])
    const only = isolation({ client: connect() }).handle(() => tenantOf('c', { redis: 'one' }))
    await expect(only.get('k')).rejects.toMatchObject({ code: 'PLACEMENT_INVALID' })
    for (const placement of [{}, { redis: '' }, { redis: 'three' }, { redis: '__proto__' }]) {
      await expect(keys.handle(() => tenantOf('c', placement)).get('k')).rejects.toMatchObject({
        code: 'PLACEMENT_INVALID',
      })
    }
    await connect().flushall()
  })

  it('I33 C13 a tenant with a server of its own has that server’s memory, and nobody else’s', async () => {
    const small = await redis.another({ args: ['--maxmemory', '2mb', '--maxmemory-policy', 'noeviction'] })
    const keys = isolation({ clients: { roomy: connect(), small: connect(small.url) } })
    const [a, b] = [
      keys.handle(() => tenantOf('a', { redis: 'roomy' })),
      keys.handle(() => tenantOf('b', { redis: 'small' })),
    ]
    await expect(b.set('k', 'x'.repeat(3_000_000)).then(() => b.set('l', 'x'))).rejects.toThrow(/OOM/)
    expect(await a.set('k', 'x'.repeat(3_000_000))).toBe('OK')
    await a.flushTenant()
  })

  it('I08 C12 a client for each tenant, opened when it is used, within the cap', async () => {
    let open = 0
    let most = 0
    const keys = isolation({
      open: () => {
        const client = new Redis(redis.server.url)
        most = Math.max(most, ++open)
        client.once('end', () => open--)
        return client
      },
      maxClients: 8,
    })
    const tenants = Array.from({ length: 100 }, (_, at) => tenantOf(`t${at}`))
    await Promise.all(tenants.map(tenant => keys.handle(() => tenant).set('k', tenant.id)))
    for (const tenant of tenants) expect(await keys.handle(() => tenant).get('k')).toBe(tenant.id)
    expect(most).toBeLessThanOrEqual(9)
    await connect().flushall()
  })

  it('I34 I10 connect says that a tenant is ready; health says when it is not', async () => {
    const records: object[] = []
    const own = await redis.another()
    const client = new Redis(own.url, { maxRetriesPerRequest: 0, retryStrategy: () => 50 })
    client.on('error', () => undefined)
    onTestFinished(() => client.disconnect())
    const keys = isolation({
      client,
      logger: { ...silent, info: (details, message) => void records.push({ ...details, message }) },
    })
    await keys.connect(tenantOf('acme'))
    expect(records).toEqual([
      { event: 'redis.ready', tenant: 'acme', message: 'Redis client created for tenant: acme' },
    ])
    expect(await keys.health(tenantOf('acme'))).toMatchObject({ ok: true })
    await own.down()
    expect(await keys.health(tenantOf('acme'))).toMatchObject({ ok: false, reason: 'CONNECTION_LOST' })
    await own.up()
    await expect.poll(async () => (await keys.health(tenantOf('acme'))).ok).toBe(true)
  })

  it.each<[string, () => RedisKeyspaceOptions]>([
    ['none', () => ({})],
    ['two places', () => ({ client: connect(), open: () => connect() })],
    [
      'users with clients of their own',
      () => ({ open: () => connect(), users: { admin: connect(), secret: secret('x'.repeat(32)) } }),
    ],
    [
      'users on several servers',
      () => ({ clients: { one: connect() }, users: { admin: connect(), secret: secret('x'.repeat(32)) } }),
    ],
    ['commands of servers that nobody knows', () => ({ open: () => connect(), commands: ['restore'] })],
    ['users with a short secret', () => ({ client: connect(), users: { admin: connect(), secret: secret('short') } })],
  ])('refuses options with %s', (_, options) => {
    expect(() => redisKeyspace(options())).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
  })

  it.each<[string, (keys: ReturnType<typeof isolation>) => Promise<unknown>]>([
    ['ready', keys => keys.ready()],
    ['connect', keys => keys.connect(tenantOf('a'))],
    ['deprovision', keys => keys.deprovision(tenantOf('a'))],
  ])('I48 a login that is refused shows no password when "%s" asks first', async (_, work) => {
    const guarded = await redis.another()
    const admin = new Redis(guarded.url)
    await admin.config('SET', 'requirepass', 'right')
    admin.disconnect()
    const client = new Redis(guarded.url, {
      password: 'a-wrong-password',
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
      // What was in flight when a login is refused is never settled by ioredis itself.
      commandTimeout: 2_000,
    })
    client.on('error', () => undefined)
    onTestFinished(() => client.disconnect())
    const error: unknown = await work(isolation({ client })).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(Error)
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('a-wrong-password')
  })

  it('I49 I50 refuses clients that are not as safe as they must be, all problems at once', () => {
    const client = new Redis({ lazyConnect: true, keyPrefix: 'x:' })
    expect(() => redisKeyspace({ client, requireTls: true, requireAuth: true })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        details: {
          source: 'The Redis client "client"',
          problems: [
            'has a keyPrefix; give "namespace" to the isolation instead',
            'has no TLS, which is required',
            'has no password, which is required',
          ],
        },
      }),
    )
    const safe = new Redis({ lazyConnect: true, tls: {}, password: 'p' })
    expect(redisKeyspace({ client: safe, requireTls: true, requireAuth: true }).name).toBe('redis-keyspace')
  })

  it('C1 the table of commands is the server’s own; one more is taken from there, and an unknown one refused', async () => {
    expect(await isolation({ client: connect() }).verify()).toEqual([])
    const more = isolation({ client: connect(), commands: ['RESTORE'] })
    const db = more.handle(() => tenantOf('a'))
    await db.set('k', 'v')
    const dump = (await db.dumpBuffer('k')) as Buffer
    await db.call('restore', 'again', 0, dump)
    expect((await connect().keys('*')).sort()).toEqual(['t:a:again', 't:a:k'])
    const bad = isolation({ client: connect(), commands: ['json.get', 'migrate', 'blpop'] })
    await expect(bad.ready()).rejects.toMatchObject({ code: 'UNSAFE_CONFIGURATION' })
    expect((await bad.verify()).map(({ id, object }) => `${id} ${object}`)).toEqual([
      'C1 command json.get',
      'C1 command migrate',
      'C1 command blpop',
    ])
    await expect(bad.handle(() => tenantOf('a')).get('k')).rejects.toMatchObject({ code: 'UNSAFE_CONFIGURATION' })
    await connect().flushall()
  })

  it('C9 values carry their tenant: one that came from elsewhere is not given out, and the connection is given up', async () => {
    const client = connect()
    const admin = connect()
    const keys = isolation({ client, envelope: true })
    const db = keys.handle(() => tenantOf('a'))
    await db.set('k', 'v')
    await db.mset('x', '1', 'y', '2')
    expect(await admin.get('t:a:k')).toBe('t:a:v')
    expect(await db.set('k', 'w', 'EX', 60, 'GET')).toBe('v')
    expect([await db.get('k'), await db.getdel('k'), await db.get('k')]).toEqual(['w', 'w', null])
    expect(await db.mget('x', 'y', 'z')).toEqual(['1', '2', null])
    expect(await db.multi().set('k', '3').get('k').exec()).toEqual([
      [null, 'OK'],
      [null, '3'],
    ])
    expect(await db.pipeline().getBuffer('k').exec()).toEqual([[null, Buffer.from('3')]])
    for (const command of ['incr', 'append', 'strlen', 'getrange'] as const) {
      await expect(db.call(command, 'x', '0', '1')).rejects.toMatchObject({ code: 'STATEMENT_REFUSED' })
    }
    await admin.set('t:a:k', 't:b:stolen')
    const lost = new Promise(resolve => client.once('close', resolve))
    await expect(db.get('k')).rejects.toMatchObject({ code: 'REPLY_FOREIGN', details: { tenant: 'a', command: 'GET' } })
    await lost
    expect(await db.get('x')).toBe('1')
    await admin.flushall()
  })
})
