import type { TenancyError, Tenant } from '@tenantry/core'
import { describeRedis } from '@tenantry/servers/vitest'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type RedisKeyspace, redisKeyspace, type TenantRedis } from '../src/index.ts'
import { silent, tenantOf } from './support.ts'

const [acme, globex] = [tenantOf('acme'), tenantOf('globex')]

describeRedis('commands of tenants', redis => {
  let client: Redis
  let admin: Redis
  let keys: RedisKeyspace
  let current: Tenant = acme
  let db: TenantRedis

  beforeAll(() => {
    client = new Redis(redis.server.url)
    admin = new Redis(redis.server.url)
    keys = redisKeyspace({ client, logger: silent })
    db = keys.handle(() => current)
  })
  afterEach(async () => {
    current = acme
    await admin.flushall()
  })
  afterAll(async () => {
    await keys.close()
    client.disconnect()
    admin.disconnect()
  })

  const names = async () => (await admin.keys('*')).sort()
  async function refused(work: () => unknown) {
    let result: unknown
    try {
      result = await work()
    } catch (error) {
      expect((error as TenancyError).code).toBe('STATEMENT_REFUSED')
      return error as TenancyError<'STATEMENT_REFUSED'>
    }
    throw new Error(`Not refused: ${JSON.stringify(result)}`)
  }

  it('I01 the same key is two keys in two tenants', async () => {
    await db.set('k', 'of acme')
    current = globex
    expect(await db.get('k')).toBeNull()
    await db.set('k', 'of globex')
    current = acme
    expect(await db.get('k')).toBe('of acme')
    expect(await names()).toEqual(['t:acme:k', 't:globex:k'])
  })

  it('C1 keys are prefixed wherever they stand', async () => {
    await db.mset('a', '1', 'b', '2')
    await db.mset({ c: '3' })
    await db.hset('h', { f: 1, g: 2 })
    await db.zadd('z1', 1, 'x')
    await db.zadd('z2', 2, 'x')
    await db.zunionstore('z3', 2, 'z1', 'z2', 'WEIGHTS', 2, 3)
    await db.rename('a', 'd')
    await db.sadd('s1', 'm')
    await db.sinterstore('s2', 's1', 's1')
    await db.bitop('AND', 'bits', 'b', 'c')
    await db.copy('b', 'e')
    await db.xgroup('CREATE', 'stream', 'g', '$', 'MKSTREAM')
    expect(await db.zscore('z3', 'x')).toBe('8')
    expect(await db.mget('d', 'b', 'c')).toEqual(['1', '2', '3'])
    expect(await db.del('b', 'c', 'missing')).toBe(2)
    expect(await db.object('ENCODING', 'd')).toBe('int')
    expect(await db.getBuffer('d')).toEqual(Buffer.from('1'))
    expect(await db.call('GET', 'd')).toBe('1')
    const found = await names()
    expect(found).toHaveLength(10)
    for (const name of found) expect(name).toMatch(/^t:acme:/)
  })

  it('C1 C15 keys, cursors and patterns stay within the tenant, also keys that look like patterns', async () => {
    await db.mset('a*', '1', 'ab', '2', 't:globex:x', '3')
    current = globex
    await db.mset('ab', '4', 'x', '5')
    current = acme
    expect((await db.keys('*')).sort()).toEqual(['a*', 'ab', 't:globex:x'])
    expect((await db.keys('a\\*')).sort()).toEqual(['a*'])
    const [, found] = await db.scan(0, 'COUNT', 1000)
    expect(found.sort()).toEqual(['a*', 'ab', 't:globex:x'])
    const [, some] = await db.scan(0, 'MATCH', 'a*', 'COUNT', 1000)
    expect(some.sort()).toEqual(['a*', 'ab'])
    const all: string[] = []
    for await (const key of db.scanAll()) all.push(key)
    expect(all.sort()).toEqual(['a*', 'ab', 't:globex:x'])
    await refused(() => db.call('SCAN', '0', 'WHERE', '*'))
  })

  it('C7 SORT reads own keys only', async () => {
    await db.rpush('list', '2', '1')
    await db.mset('w_1', '5', 'w_2', '4', 'o_1', 'one', 'o_2', 'two')
    await admin.mset('w_1', '1', 'w_2', '2', 'o_1', 'outside', 'o_2', 'outside')
    expect(await db.sort('list', 'BY', 'w_*', 'GET', 'o_*', 'GET', '#')).toEqual(['two', '2', 'one', '1'])
    await db.call('sort', 'list', 'by', 'nosort', 'limit', '0', '1', 'store', 'sorted')
    expect(await names()).toContain('t:acme:sorted')
    await refused(() => db.call('sort', 'list', 'by'))
  })

  it('C1 streams: names in answers are the tenant’s, and a group called STREAMS smuggles nothing', async () => {
    await db.xadd('s', '1-1', 'f', 'v')
    expect(await db.xread('COUNT', 1, 'STREAMS', 's', '0')).toEqual([['s', [['1-1', ['f', 'v']]]]])
    await db.xgroup('CREATE', 's', 'STREAMS', '0')
    // By the server's own table the keys of this one would be "x" and "STREAMS".
    await admin.xadd('k', '1-1', 'secret', 'of nobody')
    await admin.xgroup('CREATE', 'k', 'STREAMS', '0')
    const odd = ['COUNT', '1', 'GROUP', 'STREAMS', 'x', 'STREAMS', 'k', '>']
    await expect(db.call('XREADGROUP', ...odd)).rejects.toThrow(/NOGROUP/)
    expect(await db.xreadgroup('GROUP', 'STREAMS', 'x', 'STREAMS', 's', '>')).toEqual([['s', [['1-1', ['f', 'v']]]]])
    await refused(() => db.call('XREAD', 'STREAMS', 'a', 'b', 'c'))
  })

  it('C1 blocking commands wait on connections of their own, and answer with own names', async () => {
    const waiting = [db.blpop('q', 5), db.bzpopmin('z', 5), db.blmpop(5, 2, 'm1', 'm2', 'LEFT')]
    const read = db.xread('BLOCK', 5000, 'STREAMS', 's', '$')
    expect(await db.ping()).toBe('PONG')
    for (let ready = 0; ready < 4; ) ready = Number(/blocked_clients:(\d+)/.exec(await admin.info('clients'))?.[1])
    await db.rpush('q', 'job')
    await db.zadd('z', 1, 'first')
    await db.rpush('m2', 'x')
    await db.xadd('s', '1-1', 'f', 'v')
    expect(await Promise.all(waiting)).toEqual([
      ['q', 'job'],
      ['z', 'first', '1'],
      ['m2', ['x']],
    ])
    expect(await read).toEqual([['s', [['1-1', ['f', 'v']]]]])
  })

  it('C1 pipelines and transactions: all is scoped, and one that is refused sends nothing', async () => {
    expect(await db.pipeline().set('a', '1').get('a').keys('*').exec()).toEqual([
      [null, 'OK'],
      [null, '1'],
      [null, ['a']],
    ])
    expect(await db.multi().incr('n').incr('n').exec()).toEqual([
      [null, 1],
      [null, 2],
    ])
    expect(
      await db
        .pipeline([
          ['set', 'b', '2'],
          ['get', 'b'],
        ])
        .exec(),
    ).toEqual([
      [null, 'OK'],
      [null, '2'],
    ])
    await refused(() => db.pipeline().set('c', '1').flushall().exec())
    await refused(() => db.multi().set('c', '1').call('select', '1').exec())
    await refused(() => db.pipeline().blpop('c', 0).exec())
    expect(await names()).toEqual(['t:acme:a', 't:acme:b', 't:acme:n'])
  })

  it('C5 C6 C16 what belongs to the server or the connection is refused, and not sent', async () => {
    await admin.config('RESETSTAT')
    for (const [name, ...args] of [
      ...[
        ['flushall'],
        ['flushdb'],
        ['dbsize'],
        ['randomkey'],
        ['select', '1'],
        ['swapdb', '0', '1'],
        ['monitor'],
        ['info'],
      ],
      ...[
        ['client', 'list'],
        ['client', 'kill', 'ID', '1'],
        ['config', 'get', '*'],
        ['slowlog', 'get'],
        ['debug', 'jmap'],
      ],
      ...[
        ['migrate', 'h', '1', 'k', '0', '1'],
        ['move', 'k', '1'],
        ['copy', 'a', 'b', 'DB', '1'],
        ['acl', 'list'],
        ['auth', 'x'],
      ],
      ...[
        ['subscribe', 'c'],
        ['psubscribe', '*'],
        ['watch', 'k'],
        ['exec'],
        ['discard'],
        ['hello', '3'],
        ['reset'],
        ['quit'],
      ],
      ...[
        ['memory', 'stats'],
        ['object', 'help'],
        ['cluster', 'nodes'],
        ['script', 'flush'],
        ['function', 'list'],
        ['restore', 'k', '0', 'x'],
      ],
      ...[
        ['georadius', 'g', '0', '0', '1', 'm', 'STORE', 'x'],
        ['json.get', 'k'],
        ['ft.search', 'i', '*'],
        ['get '],
        ['__proto__'],
      ],
      ...[
        ['pubsub', 'numpat'],
        ['command', 'getkeys', 'get', 'k'],
        ['eval', 'return 1', '0'],
        ['lmpop', '+1', 'k', 'LEFT'],
        ['lmpop', '9', 'k', 'LEFT'],
      ],
      ...[
        ['zunionstore', 'd', '99999999999999999999', 'k'],
        ['del'],
        ['mset'],
        ['bitop', 'AND', 'd'],
        ['sort_ro', 'l', 'STORE', 'x'],
      ],
    ] as [string, ...string[]][]) {
      const error = await refused(() => db.call(name, ...args))
      expect(error.message).toMatch(/not sent/)
    }
    expect(await admin.info('commandstats')).not.toMatch(/cmdstat_(?!config|info)/)
  })

  it('C4 channels of other tenants are not heard, and not written to', async () => {
    const own = await db.connection()
    current = globex
    const other = await db.connection()
    const heard: unknown[] = []
    own.on('message', (...message) => heard.push(['acme', ...message]))
    own.on('pmessage', (...message) => heard.push(['acme', ...message]))
    other.on('message', (...message) => heard.push(['globex', ...message]))
    current = acme
    await own.subscribe('news', 't:globex:news')
    await own.psubscribe('n*')
    current = globex
    await other.subscribe('news')
    expect(await db.publish('news', 'of globex')).toBe(1)
    current = acme
    expect(await db.publish('news', 'of acme')).toBe(2)
    expect(await admin.publish('news', 'of nobody')).toBe(0)
    expect(new Set((await db.pubsub('CHANNELS')) as string[])).toEqual(new Set(['news', 't:globex:news']))
    await expect.poll(() => heard.length).toBe(3)
    expect(heard.map(String).sort()).toEqual(['acme,n*,news,of acme', 'acme,news,of acme', 'globex,news,of globex'])
    own.disconnect()
    other.disconnect()
  })

  it('C13 flushTenant removes the keys of one tenant, a part at a time', async () => {
    const pipeline = db.pipeline()
    for (let at = 0; at < 2000; at++) pipeline.set(`k${at}`, 'x')
    await pipeline.exec()
    current = globex
    await db.set('k', 'x')
    current = acme
    const told: number[] = []
    expect(await db.flushTenant({ onProgress: removed => told.push(removed) })).toBe(2000)
    expect(told.length).toBeGreaterThan(1)
    expect(told.at(-1)).toBe(2000)
    expect(await names()).toEqual(['t:globex:k'])
  })
})
