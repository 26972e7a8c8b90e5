import type { Tenant } from '@tenantry/core'
import { describeRedis } from '@tenantry/servers/vitest'
import { type Job, Queue, QueueEvents, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type RedisKeyspace, redisKeyspace, type TenantRedis } from '../src/index.ts'
import { context, silent, tenantOf } from './support.ts'

const [acme, globex] = [tenantOf('acme'), tenantOf('globex')]
const { source, as } = context()

describeRedis("connections of tenants' own", redis => {
  let client: Redis
  let admin: Redis
  let keys: RedisKeyspace
  let db: TenantRedis

  beforeAll(() => {
    client = new Redis(redis.server.url)
    admin = new Redis(redis.server.url)
    keys = redisKeyspace({ client, logger: silent })
    db = keys.handle(source)
  })
  afterEach(() => admin.flushall())
  afterAll(async () => {
    await keys.close()
    client.disconnect()
    admin.disconnect()
  })

  const open = (tenant: Tenant, options?: Parameters<TenantRedis['connection']>[0]) =>
    as(tenant, () => db.connection(options))
  const refused = expect.objectContaining({ code: 'STATEMENT_REFUSED' })
  const names = async () => (await admin.keys('*')).sort()

  it('C16 commands, pipelines, transactions and duplicates are all scoped', async () => {
    const own = await open(acme)
    const again = own.duplicate()
    await own.set('a', '1')
    expect(await again.get('a')).toBe('1')
    expect(await again.pipeline().set('b', '2').keys('b').exec()).toEqual([
      [null, 'OK'],
      [null, ['b']],
    ])
    expect(
      await own
        .multi([['set', 'c', '3']])
        .get('c')
        .exec(),
    ).toEqual([
      [null, 'OK'],
      [null, '3'],
    ])
    expect(await names()).toEqual(['t:acme:a', 't:acme:b', 't:acme:c'])
    await expect(own.flushall()).rejects.toEqual(refused)
    await expect(own.select(1)).rejects.toEqual(refused)
    await expect(own.client('LIST')).rejects.toEqual(refused)
    await expect(own.call('MULTI')).rejects.toEqual(refused)
    await expect(own.auth('other', 'password')).rejects.toEqual(refused)
    expect(() => own.pipeline().set('d', '4').dbsize()).toThrow(refused)
    for (const override of [{ db: 1 }, { keyPrefix: 't:globex:' }, { host: 'elsewhere' }]) {
      expect(() => own.duplicate(override)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
    }
    expect(await own.info()).toMatch(/redis_version:/)
    expect(await own.info()).not.toMatch(/# (Keyspace|Clients|Stats)/)
    own.disconnect()
    again.disconnect()
  })

  it('C13 a tenant whose commands block leaves connections for those of others', async () => {
    const other = redisKeyspace({ client, logger: silent, blocking: { max: 4, wait: 300 } })
    const mine = other.handle(source)
    const greedy = as(acme, () =>
      Array.from({ length: 6 }, () => mine.blpop('never', 1).then(String, error => error.code)),
    )
    const start = performance.now()
    expect(await as(globex, () => mine.blpop('never', 0.05))).toBeNull()
    expect(performance.now() - start).toBeLessThan(900)
    expect((await Promise.all(greedy)).sort()).toEqual([...Array(4).fill('POOL_EXHAUSTED'), 'null', 'null'])
    await other.close()
  })

  it('C16 where a connection leads is not the caller’s to say', async () => {
    const elsewhere = { db: 3, keyPrefix: 't:globex:', host: 'elsewhere', username: 'other' }
    const own = await open(acme, elsewhere as object)
    expect(own.options).toMatchObject({ db: 0, host: '127.0.0.1' })
    expect(own.options.keyPrefix).toBeFalsy()
    own.disconnect()
  })

  it('C1 WATCH keeps a transaction from what changed meanwhile', async () => {
    const own = await open(acme)
    await own.set('n', '1')
    await own.watch('n')
    await as(acme, () => db.set('n', '2'))
    expect(await own.multi().set('n', '3').exec()).toBeNull()
    await own.watch('n')
    expect(await own.multi().set('n', '3').exec()).toEqual([[null, 'OK']])
    own.disconnect()
  })

  it('M6 X11 refuses to work in another tenant’s unit of work, and goes on in the background', async () => {
    const own = await open(acme)
    await own.set('k', 'background')
    await expect(as(globex, () => own.get('k'))).rejects.toMatchObject({ code: 'SCOPE_MISMATCH' })
    expect(() => as(globex, () => own.pipeline().get('k'))).toThrow(expect.objectContaining({ code: 'SCOPE_MISMATCH' }))
    expect(await as(acme, () => own.get('k'))).toBe('background')
    own.disconnect()
  })

  it('C9 after a lost connection what is waiting and what is subscribed goes to the same tenant', async () => {
    const own = await open(acme)
    const heard = new Promise(resolve => own.once('message', (...message) => resolve(message)))
    await own.subscribe('news')
    const back = new Promise(resolve => own.once('ready', resolve))
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await back
    await expect.poll(() => admin.publish('t:acme:news', 'again')).toBe(1)
    expect(await heard).toEqual(['news', 'again'])
    own.disconnect()

    const other = await open(globex)
    await other.ping()
    const id = await other.client('ID')
    await admin.client('KILL', 'ID', id)
    await other.set('k', 'sent again')
    expect(await names()).toEqual(['t:globex:k'])
    other.disconnect()
  })

  it('C3 scripts of ioredis run with prefixed keys, also when the server has forgotten them', async () => {
    const own = await open(acme)
    own.defineCommand('bump', { numberOfKeys: 1, lua: "return redis.call('incrby', KEYS[1], ARGV[1])" })
    const bump = (own as unknown as { bump(key: string, by: number): Promise<number> }).bump.bind(own)
    expect(await bump('n', 2)).toBe(2)
    await admin.script('FLUSH')
    expect(await bump('n', 3)).toBe(5)
    expect(await names()).toEqual(['t:acme:n'])
    const lua = "return redis.call('get', ARGV[1])"
    expect(() => own.defineCommand('steal', { numberOfKeys: 1, lua })).toThrow(refused)
    own.disconnect()
  })

  it('C3 on shared connections: eval, then evalsha of what was checked', async () => {
    const lua = "return redis.call('incrby', KEYS[1], ARGV[1])"
    await as(acme, async () => {
      const sha = (await db.script('LOAD', lua)) as string
      expect(await db.evalsha(sha, 1, 'n', 4)).toBe(4)
      expect(await db.eval(lua, 1, 'n', 1)).toBe(5)
      await expect(db.eval("return redis.call('get', 't:globex:n')", 1, 'n')).rejects.toEqual(refused)
      await expect(db.eval(lua, 0, 'n', 1)).rejects.toEqual(refused)
      const unknown = (await admin.script('LOAD', "return redis.call('get', 't:globex:n')")) as string
      await expect(db.evalsha(unknown, 1, 'n')).rejects.toEqual(refused)
      await expect(db.fcall('stored', 1, 'n')).rejects.toEqual(refused)
    })
    expect(await names()).toEqual(['t:acme:n'])
  })

  it('C3 C1 BullMQ: two tenants with a queue of one name, each with its own jobs', async () => {
    const seen: string[] = []
    const parts: { close(): Promise<void> }[] = []
    const queues = new Map<Tenant, Queue>()
    for (const tenant of [acme, globex]) {
      await as(tenant, async () => {
        const terms = {
          connection: await db.connection({ keys: 'physical', scripts: 'any', maxRetriesPerRequest: null }),
          prefix: `${db.prefix}bull`,
        }
        const queue = new Queue('mail', terms)
        const worker = new Worker(
          'mail',
          async (job: Job) => `${tenant.id} did ${(job.data as { to: string }).to}`,
          terms,
        )
        const events = new QueueEvents('mail', terms)
        await Promise.all([worker.waitUntilReady(), events.waitUntilReady()])
        worker.on('completed', job => void seen.push(`${tenant.id}: ${job.returnvalue}`))
        queues.set(tenant, queue)
        parts.push(worker, events, queue)
      })
    }
    for (const [tenant, queue] of queues) {
      await as(tenant, () => queue.addBulk([1, 2, 3].map(at => ({ name: 'send', data: { to: `${tenant.id}${at}` } }))))
    }
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(6)
    expect(seen.sort()).toEqual(['acme', 'globex'].flatMap(id => [1, 2, 3].map(at => `${id}: ${id} did ${id}${at}`)))
    expect(await queues.get(acme)?.getJobCounts('completed')).toEqual({ completed: 3 })
    await Promise.all(parts.map(part => part.close()))
    for (const name of await names()) expect(name).toMatch(/^t:(acme|globex):bull:mail/)
  })

  it('C1 with physical names, a key outside the key space is refused', async () => {
    const own = await open(acme, { keys: 'physical' })
    await own.set('t:acme:k', '1')
    expect(await own.keys('t:acme:*')).toEqual(['t:acme:k'])
    for (const key of ['k', 't:globex:k', 't:acme', '*', '']) await expect(own.get(key)).rejects.toEqual(refused)
    await expect(own.rename('t:acme:k', 't:globex:k')).rejects.toEqual(refused)
    await expect(own.keys('*')).rejects.toEqual(refused)
    await expect(own.subscribe('t:globex:news')).rejects.toEqual(refused)
    own.disconnect()
  })

  it('C1 C13 rate-limiter-flexible counts for each tenant by itself', async () => {
    const limiterOf = async (tenant: Tenant) =>
      new RateLimiterRedis({ storeClient: await open(tenant), points: 2, duration: 60, keyPrefix: 'login' })
    const [ofAcme, ofGlobex] = [await limiterOf(acme), await limiterOf(globex)]
    await ofAcme.consume('user-1')
    await ofAcme.consume('user-1')
    await expect(ofAcme.consume('user-1')).rejects.toMatchObject({ remainingPoints: 0 })
    expect(await ofGlobex.consume('user-1')).toMatchObject({ remainingPoints: 1 })
    expect(await names()).toEqual(['t:acme:login:user-1', 't:globex:login:user-1'])
  })

  it('C16 all of them end with the isolation', async () => {
    const other = redisKeyspace({ client, logger: silent })
    const own = await as(acme, () => other.handle(source).connection())
    await own.ping()
    const ended = new Promise(resolve => own.once('end', resolve))
    await other.close()
    await ended
    await expect(own.duplicate().get('k')).rejects.toMatchObject({ code: 'SCOPE_CLOSED' })
    await expect(as(acme, () => other.handle(source).get('k'))).rejects.toMatchObject({ code: 'SCOPE_CLOSED' })
  })

  it('X1 X2 callbacks and answers stay in the context of their caller', async () => {
    const told = await Promise.all(
      [acme, globex].map(tenant =>
        as(tenant, async () => {
          await db.set('k', tenant.id)
          const own = await db.connection()
          return Promise.all([
            new Promise(resolve => void db.get('k', (_, value) => resolve([source().id, value]))),
            new Promise(
              resolve =>
                void db
                  .pipeline()
                  .get('k')
                  .exec(() => resolve([source().id])),
            ),
            new Promise(resolve => void own.get('k', (_, value) => resolve([source().id, value]))),
            db.get('k').then(value => [source().id, value]),
          ])
        }),
      ),
    )
    expect(told).toEqual(['acme', 'globex'].map(id => [[id, id], [id], [id, id], [id, id]]))
  })
})
