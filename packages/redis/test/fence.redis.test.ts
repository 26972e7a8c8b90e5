import { setTimeout as sleep } from 'node:timers/promises'
import { isTenancyError, secret } from '@tenantry/core'
import { describeRedis } from '@tenantry/servers/vitest'
import { Redis } from 'ioredis'
import { expect, it, onTestFinished } from 'vitest'
import { redisKeyspace, type TenantRedis } from '../src/index.ts'
import { silent, tenantOf } from './support.ts'

const [acme, globex] = [tenantOf('acme'), tenantOf('globex')]
const races = Number(process.env.TENANTRY_RACES ?? 20)

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => (isTenancyError(error) ? error.code : String(error)),
  )

describeRedis('the fence of redis-keyspace, which its users are', redis => {
  function connect(): Redis {
    const client = new Redis(redis.server.url, { retryStrategy: () => 20, maxRetriesPerRequest: 1 })
    client.on('error', () => undefined)
    onTestFinished(() => client.disconnect())
    return client
  }
  /** One process. */
  function isolation(client = connect()) {
    const users = { admin: connect(), secret: secret('a secret of at least thirty-two characters') }
    const keys = redisKeyspace({ client, users, logger: silent })
    onTestFinished(() => keys.close())
    return keys
  }
  /** Until it is told why: a connection that was ended may be found out by the first. */
  async function refusalOf(work: () => Promise<unknown>): Promise<unknown> {
    let code: unknown
    for (let times = 0; times < 5 && code !== 'TENANT_SUSPENDED'; times += 1) {
      code = await codeOf(work())
      if (code === 'no error') return code
    }
    return code
  }

  it('L3 E12 a suspended tenant is refused to whoever takes it for active, in every way, and nobody else is', async () => {
    const [keeper, other] = [isolation(), isolation()]
    for (const each of [acme, globex]) await keeper.provision(each)
    const [db, ofGlobex] = [other.handle(() => acme), other.handle(() => globex)]
    const ways: Readonly<Record<string, (handle: TenantRedis) => Promise<unknown>>> = {
      set: handle => handle.set('k', 'late'),
      get: handle => handle.get('k'),
      keys: handle => handle.keys('*'),
      scan: handle => handle.scan(0),
      scanAll: async handle => {
        for await (const _ of handle.scanAll());
      },
      flushTenant: handle => handle.flushTenant(),
      pipeline: async handle => handle.pipeline().set('k', 'late').exec(),
      multi: async handle => handle.multi().set('k', 'late').exec(),
      connection: handle => handle.connection(),
    }
    await db.set('k', 'there')
    for (const way of Object.values(ways)) await way(db)
    await db.set('k', 'there')
    const own = await db.connection()
    const waiting = codeOf(db.blpop('never', 30))
    await keeper.suspend?.(acme, 1_000)
    expect(await waiting).not.toBe('no error')
    for (const [name, way] of Object.entries(ways))
      for (const handle of [db, isolation().handle(() => acme)])
        expect(await refusalOf(() => way(handle)), name).toBe('TENANT_SUSPENDED')
    await expect(own.set('k', 'late')).rejects.toThrow()
    await ofGlobex.set('k', 'of globex')
    expect(await connect().get('t:acme:k')).toBe('there')
    await keeper.provision(acme)
    expect(await refusalOf(() => db.set('k', 'late'))).toBe('TENANT_SUSPENDED')
    for (let times = 0; times < 2; times += 1) await keeper.resume?.(acme)
    await db.set('k', 'again')
    await keeper.deprovision(acme)
    await keeper.suspend?.(acme, 0)
    await keeper.resume?.(acme)
    expect(await keeper.inventory?.(acme)).toEqual([])
  })

  it('L3 a process that has not noticed yet that its connection ended is told no names by the administrator', async () => {
    const [keeper, client, made] = [isolation(), connect(), [] as Redis[]]
    const { duplicate } = client
    client.duplicate = options => {
      const own = duplicate.call(client, options)
      made.push(own)
      return own
    }
    await keeper.provision(acme)
    const db = isolation(client).handle(() => acme)
    await db.set('k', 'v')
    const [own] = made
    own?.stream.pause()
    await keeper.suspend?.(acme, 0)
    const told = await Promise.all([() => db.keys('*'), () => db.flushTenant()].map(work => codeOf(work())))
    own?.stream.resume()
    expect(told).not.toContain('no error')
    await keeper.resume?.(acme)
    await keeper.deprovision(acme)
  })

  it('L3 a suspended tenant is counted and erased', async () => {
    const keeper = isolation()
    await keeper.provision(acme)
    await keeper.handle(() => acme).mset({ a: '1', b: '2' })
    await keeper.suspend?.(acme, 0)
    expect(await keeper.inventory?.(acme)).toMatchObject([
      { kind: 'user', count: 1 },
      { kind: 'key', name: 't:acme:*', count: 2 },
    ])
    expect(await keeper.deprovision(acme)).toMatchObject({ erased: [{ kind: 'user' }, { kind: 'key', count: 2 }] })
    expect(await keeper.inventory?.(acme)).toEqual([])
  })

  it('L3 without users nothing is suspended at the server, and tenants are counted', async () => {
    const keys = redisKeyspace({ client: connect(), logger: silent })
    onTestFinished(() => keys.close())
    expect([keys.suspend, keys.resume]).toEqual([undefined, undefined])
    await keys.handle(() => acme).set('k', '1')
    expect(await keys.inventory?.(acme)).toEqual([{ kind: 'key', name: 't:acme:*', count: 1 }])
    await keys.deprovision(acme)
  })

  it(
    'L3 nothing lands behind the fence in races of four processes',
    async () => {
      const keeper = isolation()
      await keeper.provision(acme)
      const admin = connect()
      const handles = Array.from({ length: 4 }, () => isolation().handle(() => acme))
      let late = 0
      for (let race = 0; race < races; race += 1) {
        let going = true
        let wrote = 0
        const writers = handles.map(async (handle, at) => {
          while (going) {
            const work = at % 2 === 0 ? handle.incr('n') : handle.multi().incr('n').incr('n').exec()
            await work.then(
              () => {
                wrote += 1
              },
              () => sleep(1),
            )
          }
        })
        while (wrote < 8) await sleep(1)
        await keeper.suspend?.(acme, 0)
        const there = await admin.get('t:acme:n')
        await sleep(20)
        if ((await admin.get('t:acme:n')) !== there) late += 1
        going = false
        await Promise.all(writers)
        await keeper.resume?.(acme)
      }
      expect(late).toBe(0)
    },
    60_000 + races * 1_000,
  )
})
