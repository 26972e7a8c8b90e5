import { createServer, connect as dial, type Socket } from 'node:net'
import { type Logger, memoryRegistry, type RegistryChange } from '@tenantry/core'
import { describeRedis } from '@tenantry/servers/vitest'
import { expect, it, onTestFinished } from 'vitest'
import { redisChanges } from '../../src/index.ts'
import { silent } from '../support.ts'
import { connect, openProcess, slug, until } from './support.ts'

const change: RegistryChange = { id: 'acme', version: 2, keys: [slug('acme')] }

describeRedis('changes by a channel of Redis', redis => {
  let namespaces = 0
  const fresh = () => `ns${namespaces++}`

  async function hear(url: string, namespace: string, logger: Logger = silent, heartbeat = 5_000) {
    const subscriber = connect(url)
    const heard: (RegistryChange | 'missed')[] = []
    const client = connect(url)
    const bus = redisChanges({ client, subscriber, namespace, logger, heartbeat })
    const stop = await bus.subscribe({ changed: each => heard.push(each), missed: () => heard.push('missed') })
    return { bus, heard, stop, subscriber, client }
  }

  it('P10 are heard by every process, and those of another namespace by none', async () => {
    const namespace = fresh()
    const [first, second, other] = [
      await hear(redis.server.url, namespace),
      await hear(redis.server.url, namespace),
      await hear(redis.server.url, fresh()),
    ]
    await first.bus.publish?.(change)
    await until(() => first.heard.length > 0)
    await until(() => second.heard.length > 0)
    expect(first.heard).toEqual([change])
    expect(second.heard).toEqual([change])
    expect(other.heard).toEqual([])
    await second.stop()
    await first.bus.publish?.({ ...change, version: 3 })
    await until(() => first.heard.length === 2)
    expect(second.heard).toHaveLength(1)
  })

  it('C20 a lost connection is a gap: everything is missed, once the channel is heard again', async () => {
    const namespace = fresh()
    const { heard, subscriber, bus } = await hear(redis.server.url, namespace)
    const admin = connect(redis.server.url)
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until(() => heard.includes('missed'))
    // Whoever is told before the channel is heard would miss what comes in between.
    expect(subscriber.status).toBe('ready')
    expect(await admin.call('PUBSUB', 'NUMSUB', `{${namespace}}:changes`)).toEqual([`{${namespace}}:changes`, 1])
    await bus.publish?.(change)
    await until(() => heard.length === 2)
    expect(heard).toEqual(['missed', change])
  })

  it('C20 P10 what was changed while Redis was away is seen as soon as it is back', async () => {
    const server = await redis.another()
    const stored = memoryRegistry([{ id: 'acme', slug: 'acme', name: 'Acme' }])
    const { cache } = await openProcess(server.url, stored, fresh())
    await cache.find(slug('acme'))
    let missed = 0
    cache.onChange({ changed: () => undefined, missed: () => missed++ })
    await server.down()
    stored.update('acme', { status: 'suspended' })
    await server.up()
    await until(() => missed > 0)
    expect(await cache.find(slug('acme'))).toMatchObject({ status: 'suspended' })
  })

  it('C20 a connection that is dead without saying so is opened again, and everything is missed', async () => {
    const sockets = new Set<Socket>()
    let isOpen = true
    const way = createServer(near => {
      const far = dial(redis.server.port, redis.server.host)
      for (const each of [near, far]) sockets.add(each.on('error', () => undefined))
      // One that is dead swallows everything, and says nothing.
      near.on('data', chunk => isOpen && far.write(chunk))
      far.on('data', chunk => isOpen && near.write(chunk))
    })
    await new Promise<void>(resolve => way.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      for (const each of sockets) each.destroy()
      way.close()
    })
    const { port } = way.address() as { port: number }
    const namespace = fresh()
    const { heard } = await hear(`redis://127.0.0.1:${port}`, namespace, silent, 100)
    const outside = connect(redis.server.url)
    const tell = () => outside.publish(`{${namespace}}:changes`, JSON.stringify(change))
    await tell()
    await until(() => heard.length === 1)
    isOpen = false
    await tell()
    await new Promise(resolve => setTimeout(resolve, 500))
    isOpen = true
    await until(() => heard.length === 2)
    expect(heard).toEqual([change, 'missed'])
  })

  it.each([
    ['rubbish'],
    ['null'],
    ['{"id":"acme","version":"2","keys":[]}'],
    ['{"id":"a b","version":2,"keys":[]}'],
    ['{"id":"acme","version":2}'],
    ['{"id":"acme","version":2,"keys":[{"kind":"name","value":"x"}]}'],
    ['{"id":"acme","version":2,"keys":[{"kind":"slug","value":1}]}'],
    ['{"id":"acme","version":1e400,"keys":[]}'],
  ])('a message that is no word of a change makes everything forgotten: %s', async message => {
    const namespace = fresh()
    const warnings: string[] = []
    const { heard } = await hear(redis.server.url, namespace, {
      ...silent,
      warn: (_, text) => void warnings.push(text),
    })
    await connect(redis.server.url).publish(`{${namespace}}:changes`, message)
    await until(() => heard.length > 0)
    expect(heard).toEqual(['missed'])
    expect(warnings).toHaveLength(1)
  })

  it('C20 telling of a change fails at once without a connection, and is not sent later', async () => {
    const server = await redis.another()
    const { bus, heard, client } = await hear(server.url, fresh())
    await server.down()
    await until(() => client.status !== 'ready')
    await expect(bus.publish?.(change)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    await server.up()
    await until(() => heard.includes('missed'))
    await bus.publish?.({ ...change, version: 9 })
    await until(() => heard.length === 2)
    expect(heard).toEqual(['missed', { ...change, version: 9 }])
  })

  it('C20 telling of a change does not wait for a connection that was lost', async () => {
    const server = await redis.another()
    const client = connect(server.url, { retryStrategy: () => 60_000 })
    const bus = redisChanges({ client, subscriber: connect(server.url), namespace: fresh(), logger: silent })
    await bus.publish?.(change)
    await server.down()
    await until(() => client.status === 'reconnecting')
    const told = bus.publish?.(change).then(
      () => 'told',
      (error: { code: string }) => error.code,
    )
    // An attempt to connect is waited for two seconds.
    const late = new Promise(resolve => setTimeout(() => resolve('late'), 1_000))
    expect(await Promise.race([told, late])).toBe('DATABASE_UNAVAILABLE')
  })

  it('subscribing fails without a server, and can be tried again', async () => {
    const server = await redis.another()
    await server.down()
    const subscriber = connect(server.url)
    const bus = redisChanges({ client: connect(server.url), subscriber, namespace: fresh(), logger: silent })
    const listener = { changed: () => undefined, missed: () => undefined }
    await expect(bus.subscribe(listener)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    await server.up()
    await until(() => subscriber.status === 'ready')
    await (await bus.subscribe(listener))()
  })

  it('refuses a subscriber that has other things to do', () => {
    const client = connect(redis.server.url)
    expect(() => redisChanges({ client, subscriber: client })).toThrow(
      expect.objectContaining({ code: 'ARGUMENT_INVALID' }),
    )
  })
})
