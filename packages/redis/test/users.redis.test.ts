import { createHmac } from 'node:crypto'
import { inspect } from 'node:util'
import { secret } from '@tenantry/core'
import { describeRedis } from '@tenantry/servers/vitest'
import { Redis } from 'ioredis'
import { expect, it, onTestFinished } from 'vitest'
import { redisKeyspace } from '../src/index.ts'
import { silent, tenantOf } from './support.ts'

const [acme, globex] = [tenantOf('acme'), tenantOf('globex')]

describeRedis('a user for each tenant', redis => {
  function connect(options = {}): Redis {
    const client = new Redis(redis.server.url, { retryStrategy: () => 20, ...options })
    client.on('error', () => undefined)
    onTestFinished(() => client.disconnect())
    return client
  }
  function isolation(key = 'a secret of at least thirty-two characters') {
    const keys = redisKeyspace({ client: connect(), users: { admin: connect(), secret: secret(key) }, logger: silent })
    onTestFinished(() => keys.close())
    return keys
  }

  it('C3 C6 I42 the server itself keeps a login, a script and a function within the tenant', async () => {
    const keys = isolation()
    await keys.provision(acme)
    await keys.provision(globex)
    await keys.handle(() => globex).set('k', 'of globex')
    const db = keys.handle(() => acme)
    await expect(db.eval("return redis.call('get', 't:globex:k')", 1, 'k')).rejects.toThrow(
      /can't access at least one of the keys/,
    )
    const { username, password } = (await db.connection()).options
    const raw = connect({ username, password })
    for (const [command, ...args] of [
      ['get', 't:globex:k'],
      ['set', 't:globex:k', 'x'],
      ['keys', '*'],
      ['scan', '0'],
      ['subscribe', 't:globex:news'],
      ['publish', 't:globex:news', 'x'],
      ['flushall'],
      ['acl', 'list'],
      ['client', 'list'],
      ['monitor'],
      ['config', 'get', '*'],
    ] as [string, ...string[]][]) {
      await expect(raw.call(command, ...args)).rejects.toThrow(/NOPERM/)
    }
    expect(await raw.get('t:acme:none')).toBeNull()
    expect(await keys.handle(() => globex).keys('*')).toEqual(['k'])
    expect((await db.scan(0))[1]).toEqual([])
  })

  it('M9 an erased tenant is refused, and so are connections that were open', async () => {
    const keys = isolation()
    await keys.provision(acme)
    const db = keys.handle(() => acme)
    await db.mset('a', '1', 'b', '2')
    const own = await db.connection()
    await own.ping()
    expect(await keys.deprovision(acme)).toMatchObject({ erased: [{ kind: 'user' }, { kind: 'key', count: 2 }] })
    await expect(db.get('a')).rejects.toMatchObject({ code: 'CREDENTIALS_REFUSED' })
    await expect(own.get('a')).rejects.toThrow()
  })

  it('I48 no error shows a password', async () => {
    const keys = isolation()
    await keys.provision(acme)
    const { password } = (await keys.handle(() => acme).connection()).options
    const other = isolation('another secret of at least thirty-two characters')
    const wrong = createHmac('sha256', 'another secret of at least thirty-two characters')
      .update('tenantry redis acme')
      .digest('base64url')
    const error: unknown = await other
      .handle(() => acme)
      .get('k')
      .catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'CREDENTIALS_REFUSED' })
    for (const shown of [
      inspect(error, { depth: 10, showHidden: true }),
      JSON.stringify(error),
      inspect(keys.handle(() => acme)),
      inspect(keys),
    ]) {
      expect(shown).not.toContain(password)
      expect(shown).not.toContain(wrong)
      expect(shown).not.toContain('secret of at least')
    }
  })

  it('C24 a user of that name with other keys is neither adopted nor removed', async () => {
    const keys = isolation()
    const initech = tenantOf('initech')
    await keys.provision(initech)
    const admin = connect()
    const [name] = ((await admin.call('ACL', 'USERS')) as string[]).filter(each => each.startsWith('tenant_')).slice(-1)
    const all = (await admin.call('ACL', 'LIST')) as string[]
    const own = all.find(line => line.includes('~t:initech:*'))?.split(' ')[1] ?? name ?? ''
    await admin.call('ACL', 'SETUSER', own, 'resetkeys', '~*')
    for (const work of [keys.provision(initech), keys.deprovision(initech)]) {
      await expect(work).rejects.toMatchObject({ code: 'OBJECT_FOREIGN', details: { kind: 'user', name: own } })
    }
    await admin.call('ACL', 'DELUSER', own)
  })

  it('another secret is another password, once the tenant is provisioned with it', async () => {
    const before = isolation()
    await before.provision(acme)
    await before.handle(() => acme).set('k', 'v')
    const after = isolation('another secret of at least thirty-two characters')
    await after.provision(acme)
    expect(await after.handle(() => acme).get('k')).toBe('v')
  })
})
