import { describeRedis } from '@tenantry/servers/vitest'
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { redisKeyspace } from '../src/index.ts'
import { silent, tenantOf } from './support.ts'

const [acme, globex] = [tenantOf('acme'), tenantOf('globex')]

describeRedis('a cluster of two nodes', redis => {
  let cluster: Cluster
  const nodes: Redis[] = []

  beforeAll(async () => {
    const servers = [
      await redis.another({ args: ['--cluster-enabled', 'yes'] }),
      await redis.another({ args: ['--cluster-enabled', 'yes'] }),
    ]
    for (const { url } of servers) nodes.push(new Redis(url))
    const [first, second] = nodes as [Redis, Redis]
    await first.call('CLUSTER', 'ADDSLOTSRANGE', '0', '8191')
    await second.call('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383')
    await first.call('CLUSTER', 'SET-CONFIG-EPOCH', '1')
    await second.call('CLUSTER', 'SET-CONFIG-EPOCH', '2')
    await first.call('CLUSTER', 'MEET', '127.0.0.1', String(servers[1]?.port))
    for (const node of nodes) {
      await vi.waitFor(
        async () => expect(await node.call('CLUSTER', 'INFO')).toMatch(/cluster_state:ok[\s\S]*cluster_known_nodes:2/),
        { timeout: 20_000 },
      )
    }
    cluster = new Cluster(servers.map(({ host, port }) => ({ host, port })))
  }, 60_000)
  afterAll(() => {
    cluster?.disconnect()
    for (const node of nodes) node.disconnect()
  })

  const names = async () => (await Promise.all(nodes.map(node => node.keys('*')))).flat().sort()

  it('C1 C5 C8 keys of tenants lie on all nodes; what asks one node only is refused, with what to use instead', async () => {
    const keys = redisKeyspace({ client: cluster, logger: silent })
    const db = keys.handle(() => acme)
    for (let at = 0; at < 40; at++) await db.set(`k${at}`, `${at}`)
    await keys.handle(() => globex).set('k0', 'of globex')
    expect(await db.get('k0')).toBe('0')
    for (const node of nodes) expect((await node.keys('t:acme:*')).length).toBeGreaterThan(0)
    for (const work of [() => db.keys('*'), () => db.scan(0)]) {
      await expect(work()).rejects.toMatchObject({ code: 'STATEMENT_REFUSED' })
    }
    const found: string[] = []
    for await (const key of db.scanAll()) found.push(key)
    expect(found).toHaveLength(40)
    expect(await db.blpop('none', 0.01)).toBeNull()
    await expect(db.connection()).rejects.toMatchObject({ code: 'STATEMENT_REFUSED' })
    await expect(db.mget('k0', 'k1')).rejects.toThrow(/CROSSSLOT/)
    expect(await db.flushTenant()).toBe(40)
    expect(await names()).toEqual(['t:globex:k0'])
    expect(await keys.deprovision(globex)).toMatchObject({ erased: [{ count: 1 }] })
    await expect(keys.handle(() => tenantOf('x', { redis_db: '1' })).get('k')).rejects.toMatchObject({
      code: 'PLACEMENT_INVALID',
    })
    await keys.close()
  })

  it('C8 with a hash tag, all keys of a tenant lie together, whatever braces they hold', async () => {
    const keys = redisKeyspace({ client: cluster, hashTag: true, logger: silent })
    const db = keys.handle(() => acme)
    await db.mset('a', '1', '{b}', '2', '{t:globex}c', '3')
    expect(await db.mget('a', '{b}', '{t:globex}c')).toEqual(['1', '2', '3'])
    expect(await db.multi().incr('a').incr('{b}').exec()).toEqual([
      [null, 2],
      [null, 3],
    ])
    expect(await db.eval("return redis.call('mget', unpack(KEYS))", 2, 'a', '{b}')).toEqual(['2', '3'])
    expect(await names()).toEqual(['{t:acme}:a', '{t:acme}:{b}', '{t:acme}:{t:globex}c'])
    expect(await db.flushTenant()).toBe(3)
    await keys.close()
  })
})
