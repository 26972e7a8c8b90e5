import { inspect } from 'node:util'
import { secret } from '@tenantry/core'
import { describeRedis } from '@tenantry/servers/vitest'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from 'vitest'
import { problemOfScript, type RedisKeyspace, redisKeyspace, type TenantRedis } from '../src/index.ts'
import { context, silent, tenantOf } from './support.ts'

const [acme, globex] = [tenantOf('acme'), tenantOf('globex')]
const { source, as } = context()

describeRedis('what values, lost connections and kept objects could do', redis => {
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

  // As it comes from JSON, or from a query string with brackets.
  const noText = JSON.parse('{"toString":1}') as string
  const invalid = expect.objectContaining({ code: 'ARGUMENT_INVALID' })

  it('C9 a value that is no text, in a batch, does not shift the answers of others', async () => {
    await as(globex, () => db.set('secret', 'of globex'))
    const heard: unknown[] = []
    expect(() =>
      as(acme, () =>
        db
          .pipeline()
          .get('a', (_, reply) => void heard.push(reply))
          .set('b', noText)
          .exec(),
      ),
    ).toThrow(invalid)
    expect(await as(globex, () => db.get('secret'))).toBe('of globex')
    expect(heard).toEqual([])
  })

  it('a value that is no text is refused, and no rejection is left unhandled', async () => {
    await as(acme, async () => {
      await expect(db.get(noText)).rejects.toEqual(invalid)
      await expect(db.set('k', noText)).rejects.toEqual(invalid)
      await expect(db.call('set', 'k', Object.create(null) as string)).rejects.toEqual(invalid)
      const own = await db.connection()
      await expect(own.set('k', noText)).rejects.toThrow(TypeError)
      expect(() => own.pipeline().get('a').set('k', noText)).toThrow(invalid)
      expect(await own.get('none')).toBeNull()
      own.disconnect()
    })
  })

  it('L5 a key whose name is no text is erased as well', async () => {
    await as(acme, async () => {
      await db.set(Buffer.from([0xff, 0xfe]), 'x')
      await db.set('k', 'x')
      expect(await db.flushTenant()).toBe(2)
    })
    expect(await admin.keysBuffer('*')).toEqual([])
    await as(acme, () => db.set(Buffer.from([0xff, 0xfe]), 'x'))
    await keys.deprovision(acme)
    expect(await admin.keysBuffer('*')).toEqual([])
  })

  it('C3 a script cannot get at KEYS itself by way of ipairs', () => {
    expect(
      problemOfScript("local f, t, i = ipairs(KEYS) t[1] = 'other' return redis.call('get', KEYS[1])"),
    ).toBeDefined()
    expect(problemOfScript("select(2, ipairs(KEYS))[1] = 'other' return redis.call('get', KEYS[1])")).toBeDefined()
    expect(problemOfScript("for i, k in ipairs(KEYS) do redis.call('get', k) end")).toBeUndefined()
  })

  it('X11 M6 a pipeline that was kept is not sent in another tenant’s unit of work', async () => {
    const own = await as(acme, () => db.connection())
    await as(acme, () => own.set('secret', 'of acme'))
    const kept = as(acme, () => own.pipeline().get('secret'))
    const got = await as(globex, async () => kept.exec()).catch((e: unknown) => e)
    own.disconnect()
    expect(got).toMatchObject({ code: 'SCOPE_MISMATCH' })
  })

  it('C16 a connection that was on its way when the isolation closed is not opened', async () => {
    const other = redisKeyspace({ client, logger: silent })
    const h = other.handle(source)
    await as(acme, () => h.ping())
    const opening = as(acme, () => h.connection()).catch(() => undefined)
    await other.close()
    const own = await opening
    await new Promise(r => setTimeout(r, 200))
    const status = own?.status
    own?.disconnect()
    expect(own === undefined || status === 'end').toBe(true)
  })

  it('C9 XREAD called by its name in capitals is read, and the shared connection stays', async () => {
    await as(acme, async () => {
      await db.xadd('s', '1-1', 'f', 'v')
      const closed: unknown[] = []
      client.on('close', () => closed.push(1))
      expect(await db.call('XREAD', 'STREAMS', 's', '0')).toEqual(['s', [['1-1', ['f', 'v']]]])
      expect(closed).toEqual([])
    })
  })

  it('C9 C13 what ioredis gave up waiting for does not hold up the next tenant', async () => {
    const c = new Redis(redis.server.url, { blockingTimeout: 100 })
    const k = redisKeyspace({ client: c, logger: silent, blocking: { max: 1 } })
    const h = k.handle(source)
    onTestFinished(async () => {
      await k.close()
      c.disconnect()
    })
    expect(await as(acme, () => h.blpop('none', 0))).toBeNull()
    await as(globex, () => h.rpush('q', 'x'))
    expect(await as(globex, () => h.blpop('q', 0))).toEqual(['q', 'x'])
  })

  it('C13 an option that is undefined is the default, and not no limit', async () => {
    const k = redisKeyspace({ client, logger: silent, blocking: { max: undefined, wait: undefined } as never })
    const h = k.handle(source)
    const before = Number((await admin.info('clients')).match(/connected_clients:(\d+)/)?.[1])
    const all = Array.from({ length: 15 }, () => as(acme, () => h.blpop('none', 0)).catch(() => 0))
    await new Promise(r => setTimeout(r, 300))
    const n = Number((await admin.info('clients')).match(/connected_clients:(\d+)/)?.[1])
    await k.close()
    await Promise.all(all)
    expect(n - before).toBeLessThanOrEqual(10)
  })

  it('M9 L5 users and numbered databases: what is told and erased is what is there', async () => {
    const k = redisKeyspace({ client, users: { admin, secret: secret('x'.repeat(40)) }, logger: silent })
    const t = tenantOf('dbt', { redis_db: '3' })
    await k.provision(t)
    const h = k.handle(() => t)
    await h.set('k', 'v')
    const found = await h.keys('*')
    const report = await k.deprovision(t)
    const three = admin.duplicate({ db: 3 })
    const left = await three.keys('*')
    three.disconnect()
    await k.close()
    expect([found, left, report.erased.length]).toEqual([['k'], [], 2])
  })

  it('M9 nobody goes on logging in as an erased tenant’s user', async () => {
    const k = redisKeyspace({ client, users: { admin, secret: secret('x'.repeat(40)) }, logger: silent })
    await k.provision(acme)
    const h = k.handle(() => acme)
    await h.blpop('none', 0.01)
    await k.deprovision(acme)
    await admin.call('ACL', 'LOG', 'RESET')
    await new Promise(r => setTimeout(r, 1500))
    const log = (await admin.call('ACL', 'LOG')) as unknown[]
    await k.close()
    expect(log.map(String)).toEqual([])
  })

  it('C5 HELLO with two logins is refused', async () => {
    const k = redisKeyspace({ client, users: { admin, secret: secret('x'.repeat(40)) }, logger: silent })
    await k.provision(acme)
    const own = await k.handle(() => acme).connection()
    const login = ['AUTH', own.options.username, own.options.password] as string[]
    const hello = own.call('HELLO', '3', ...login, 'AUTH', 'other', 'password')
    await expect(hello).rejects.toMatchObject({ code: 'STATEMENT_REFUSED' })
    await k.close()
  })

  it('C13 many scripts of one tenant do not end the defined command of another', async () => {
    const own = await as(acme, () => db.connection())
    own.defineCommand('mine', { numberOfKeys: 1, lua: "return redis.call('get', KEYS[1])" })
    await as(globex, async () => {
      for (let i = 0; i < 1000; i++) await db.eval(`return redis.call('get', KEYS[1] .. '${i}')`, 1, 'k')
    })
    const e = await (own as unknown as { mine(key: string): Promise<unknown> }).mine('k').catch((x: unknown) => x)
    own.disconnect()
    expect(e).toBeNull()
  })

  it('C9 an answer of others ends the duplicate that brought it, and not its original', async () => {
    const k = redisKeyspace({ client, envelope: true, logger: silent })
    const h = k.handle(source)
    const own = await as(acme, () => h.connection())
    const dup = own.duplicate()
    await own.ping()
    await dup.ping()
    await admin.set('t:acme:k', 't:globex:x')
    const closed: string[] = []
    own.on('close', () => closed.push('own'))
    dup.on('close', () => closed.push('dup'))
    await dup.get('k').catch(() => 0)
    await new Promise(r => setTimeout(r, 100))
    const seen = [...closed]
    await k.close()
    expect(seen).toEqual(['dup'])
  })

  it('C9 an answer of others in a pipeline ends the connection, too', async () => {
    const c = new Redis(redis.server.url)
    const k = redisKeyspace({ client: c, envelope: true, logger: silent })
    const h = k.handle(source)
    await admin.set('t:acme:k', 't:globex:x')
    const closed: string[] = []
    c.on('close', () => closed.push('c'))
    const r = await as(acme, () => h.pipeline().get('k').exec())
    await new Promise(r => setTimeout(r, 100))
    const seen = [...closed]
    await k.close()
    c.disconnect()
    expect(r?.[0]?.[0]).toMatchObject({ code: 'REPLY_FOREIGN' })
    expect(seen).toEqual(['c'])
  })

  it('I48 no error of a connection shows its password', async () => {
    const k = redisKeyspace({ client, users: { admin, secret: secret('x'.repeat(40)) }, logger: silent })
    await k.provision(acme)
    const own = await k.handle(() => acme).connection()
    await own.ping()
    const shown: string[] = []
    own.on('error', error => void shown.push(inspect(error, { depth: 5 })))
    // Its next login is refused.
    await admin.call('ACL', 'DELUSER', own.options.username as string)
    await expect.poll(() => shown.join(), { timeout: 5_000 }).toMatch(/WRONGPASS/)
    await k.close()
    expect(shown.join()).not.toContain(own.options.password)
  })

  it('C9 a message of others ends its connection, and not the process', async () => {
    const own = await as(acme, () => db.connection())
    await own.ping()
    const closed = new Promise(resolve => own.once('close', resolve))
    expect(() => own.emit('message', 't:globex:news', 'x')).not.toThrow()
    await closed
    own.disconnect()
  })

  it('I48 nor does that of a command which waited for the login', async () => {
    const login = connectAs('rotated', 'the first password')
    await admin.call('ACL', 'SETUSER', 'rotated', 'on', '>the first password', '~*', '&*', '+@all')
    const made = login()
    const k = redisKeyspace({ client: made, logger: silent })
    const h = k.handle(source)
    await as(acme, () => h.ping())
    const closed = new Promise(resolve => made.once('close', resolve))
    await admin.call('ACL', 'SETUSER', 'rotated', 'resetpass', '>another password')
    await admin.call('CLIENT', 'KILL', 'USER', 'rotated')
    await closed
    const errors = await Promise.all([
      as(acme, () => h.get('k')).catch((error: unknown) => error),
      as(acme, () => h.pipeline().get('k').exec()).catch((error: unknown) => error),
    ])
    await k.close()
    await admin.call('ACL', 'DELUSER', 'rotated')
    expect(inspect(errors, { depth: 10 })).toMatch(/CREDENTIALS_REFUSED/)
    expect(inspect(errors, { depth: 10 })).not.toContain('the first password')
  })

  function connectAs(username: string, password: string): () => Redis {
    return () => {
      const made = new Redis(redis.server.url, { username, password, retryStrategy: () => 20 })
      made.on('error', () => undefined)
      onTestFinished(() => made.disconnect())
      return made
    }
  }
})
