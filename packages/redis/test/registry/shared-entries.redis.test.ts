import { cachedRegistry, isTenancyError, type Logger, memoryRegistry, type SharedEntries } from '@tenantry/core'
import { describeRedis } from '@tenantry/servers/vitest'
import { expect, it, onTestFinished } from 'vitest'
import { redisKeyspace, redisSharedEntries } from '../../src/index.ts'
import { silent, tenantOf } from '../support.ts'
import { changeOf, connect, domain, id, openProcess, slug, until } from './support.ts'

const acme = { id: 'acme', slug: 'acme', name: 'Acme', domains: ['acme.example'] }

describeRedis('entries that processes share', redis => {
  let namespaces = 0
  const fresh = () => `ns${namespaces++}`
  const entries = (namespace: string, options: { readonly ttl?: number } = {}): SharedEntries =>
    redisSharedEntries({ client: connect(redis.server.url), namespace, ...options })
  const put = (version: number, ticket: string, text = `text of ${version}`) => ({
    id: 'acme',
    version,
    ticket,
    entries: [{ key: slug('acme'), text }],
  })

  it('P09 what one process has read, another is answered by Redis and not by the registry, under each of its keys', async () => {
    const stored = memoryRegistry([acme])
    const namespace = fresh()
    const [first, second] = [
      await openProcess(redis.server.url, stored, namespace),
      await openProcess(redis.server.url, stored, namespace),
    ]
    const tenant = await first.cache.find(domain('acme.example'))
    await until(async () => (await first.client.exists(`{${namespace}}:key:domain:acme.example`)) === 1)
    expect(await second.cache.find(domain('acme.example'))).toEqual(tenant)
    expect(second.cache.find(id('acme'))).toEqual(tenant)
    expect(Object.isFrozen(await second.cache.find(slug('acme')))).toBe(true)
    expect(second.asked).toEqual([])
    expect(first.cache.bound).toBe(25_000)
  })

  it('P10 C20 a change is seen by the next request of another process, and by one that starts behind it', async () => {
    const stored = memoryRegistry([acme])
    const namespace = fresh()
    const first = await openProcess(redis.server.url, stored, namespace)
    const second = await openProcess(redis.server.url, stored, namespace)
    for (const { cache } of [first, second]) await cache.find(domain('acme.example'))
    let heard = 0
    second.cache.onChange({ changed: () => heard++, missed: () => undefined })
    const suspended = stored.update('acme', { status: 'suspended' })
    // Whoever tells of it need not know every key: the domain is not named.
    await first.cache.announce(changeOf(suspended))
    await until(() => heard > 0)
    const third = await openProcess(redis.server.url, stored, namespace)
    for (const { cache } of [first, second, third]) {
      expect(await cache.find(domain('acme.example'))).toMatchObject({ status: 'suspended', version: 2 })
    }
  })

  it('C20 a slow reader cannot put back what was before: the version is stamped, and the stamp outlives the entry', async () => {
    const namespace = fresh()
    const shared = entries(namespace)
    const { ticket } = await shared.get(slug('acme'))
    await shared.purge({ id: 'acme', version: 2, keys: [] })
    await shared.put(put(1, ticket))
    expect(await shared.get(slug('acme'))).not.toHaveProperty('text')
    await shared.put(put(2, ticket))
    expect(await shared.get(slug('acme'))).toMatchObject({ text: 'text of 2' })
    // A higher one that was only put, such as by a process that no bus has told.
    await shared.put(put(4, ticket))
    await shared.put(put(3, ticket))
    expect(await shared.get(slug('acme'))).toMatchObject({ text: 'text of 4' })
    await shared.purge({ id: 'acme', version: 3, keys: [slug('acme')] })
    await shared.put(put(3, ticket))
    expect(await shared.get(slug('acme'))).not.toHaveProperty('text')
    const client = connect(redis.server.url)
    expect(await client.pttl(`{${namespace}}:version:acme`)).toBeGreaterThan(shared.ttl)
  })

  it('C20 an entry that was long on its way lives for what is left of its time, by the clock of the server', async () => {
    const namespace = fresh()
    const shared = entries(namespace, { ttl: 2_000 })
    const client = connect(redis.server.url)
    const { ticket } = await shared.get(slug('acme'))
    const earlier = (ms: number) => String(BigInt(ticket) - BigInt(ms) * 1_000n)
    await shared.put(put(1, earlier(2_000)))
    await shared.put(put(1, earlier(-10_000)))
    expect(await shared.get(slug('acme'))).not.toHaveProperty('text')
    await shared.put(put(1, earlier(1_000)))
    expect(await shared.get(slug('acme'))).toHaveProperty('text')
    expect(await client.pttl(`{${namespace}}:key:slug:acme`)).toBeLessThanOrEqual(1_000)
  })

  it('C20 an entry without its stamp, which a full server may have dropped, is none', async () => {
    const namespace = fresh()
    const shared = entries(namespace)
    const { ticket } = await shared.get(slug('acme'))
    await shared.put(put(1, ticket))
    expect(await shared.get(slug('acme'))).toHaveProperty('text')
    await connect(redis.server.url).del(`{${namespace}}:version:acme`)
    expect(await shared.get(slug('acme'))).not.toHaveProperty('text')
  })

  it('E13 neither an unknown nor an archived tenant leaves anything', async () => {
    const stored = memoryRegistry([{ ...acme, status: 'archived' }])
    const namespace = fresh()
    const { cache, client } = await openProcess(redis.server.url, stored, namespace)
    await cache.find(slug('acme'))
    await cache.find(slug('none'))
    await client.ping()
    expect(await client.keys(`{${namespace}}:*`)).toEqual([])
  })

  const tenant = { ...tenantOf('acme'), name: 'Acme' }
  it.each([
    ['no entry', 'rubbish'],
    ['no JSON', '1 acme {"key": "sl'],
    ['of another key', `1 acme ${JSON.stringify({ key: 'slug globex', tenant })}`],
    [
      'of another tenant',
      `1 acme ${JSON.stringify({ key: 'slug acme', tenant: { ...tenant, id: 'globex', slug: 'globex' } })}`,
    ],
    [
      'of a tenant that is not active',
      `1 acme ${JSON.stringify({ key: 'slug acme', tenant: { ...tenant, status: 'suspended' } })}`,
    ],
    [
      'with another placement than text',
      `1 acme ${JSON.stringify({ key: 'slug acme', tenant: { ...tenant, placement: { database: 1 } } })}`,
    ],
    ['with more', `1 acme ${JSON.stringify({ key: 'slug acme', tenant: { ...tenant, isAdmin: true } })}`],
  ])('P12 C11 a poisoned entry is no tenant, and is replaced: %s', async (_, text) => {
    const stored = memoryRegistry([acme])
    const namespace = fresh()
    const warnings: object[] = []
    const logger: Logger = { ...silent, warn: details => void warnings.push(details) }
    const { cache, client, asked } = await openProcess(redis.server.url, stored, namespace, { logger })
    await client.set(`{${namespace}}:version:acme`, '1')
    await client.set(`{${namespace}}:key:slug:acme`, text)
    expect(await cache.find(slug('acme'))).toMatchObject({ id: 'acme', placement: {} })
    expect(asked).toEqual(['slug acme'])
    expect(warnings).toEqual([expect.objectContaining({ event: 'registry.shared', action: 'get' })])
    expect(JSON.stringify(warnings)).not.toContain('globex"')
    await until(async () => (await client.get(`{${namespace}}:key:slug:acme`)) !== text)
  })

  it('P12 an entry with a lower version than was seen here is not believed', async () => {
    const stored = memoryRegistry([acme])
    const namespace = fresh()
    const { cache, client } = await openProcess(redis.server.url, stored, namespace)
    await cache.find(slug('acme'))
    const old = await (async () => {
      await until(async () => (await client.exists(`{${namespace}}:key:slug:acme`)) === 1)
      return client.get(`{${namespace}}:key:slug:acme`)
    })()
    await cache.announce(changeOf(stored.update('acme', { status: 'suspended' })))
    await client.set(`{${namespace}}:version:acme`, '1')
    await client.set(`{${namespace}}:key:slug:acme`, String(old))
    expect(await cache.find(slug('acme'))).toMatchObject({ status: 'suspended' })
  })

  it('C20 without Redis the registry answers, with one warning a second; an announcement says that it failed', async () => {
    const server = await redis.another()
    const stored = memoryRegistry(Array.from({ length: 20 }, (_, n) => ({ slug: `t${n}`, name: `T${n}` })))
    const warnings: object[] = []
    const logger: Logger = { ...silent, warn: details => void warnings.push(details) }
    const { cache } = await openProcess(server.url, stored, fresh(), { logger })
    await server.down()
    const first = await cache.find(slug('t0'))
    for (let n = 1; n < 20; n++) expect(await cache.find(slug(`t${n}`))).toMatchObject({ slug: `t${n}` })
    expect(warnings).toHaveLength(1)
    const error = await cache.announce({ id: first?.id ?? '', version: 2, keys: [] }).catch((thrown: unknown) => thrown)
    expect(isTenancyError(error) && error.code).toBe('DATABASE_UNAVAILABLE')
  })

  it('C20 a Redis that does not answer delays one request, and not each', async () => {
    const never: SharedEntries = {
      name: 'stuck',
      ttl: 1_000,
      get: () => new Promise(() => undefined),
      put: async () => undefined,
      purge: async () => undefined,
    }
    const stored = memoryRegistry(Array.from({ length: 20 }, (_, n) => ({ slug: `t${n}`, name: `T${n}` })))
    let gets = 0
    const get: SharedEntries['get'] = key => {
      gets += 1
      return never.get(key)
    }
    const shared = { ...never, get }
    const cache = cachedRegistry(stored, { shared, logger: silent })
    for (let n = 0; n < 20; n++) expect(await cache.find(slug(`t${n}`))).toMatchObject({ slug: `t${n}` })
    expect(gets).toBe(1)
  })

  it('no name of it is one of a tenant: whatever a tenant writes, the registry reads nothing of it', async () => {
    const namespace = fresh()
    const client = connect(redis.server.url)
    const keys = redisKeyspace({ client, namespace, logger: silent })
    onTestFinished(() => keys.close())
    const shared = redisSharedEntries({ client, namespace })
    const { ticket } = await shared.get(slug('acme'))
    await shared.put(put(1, ticket))
    const written = await client.keys(`{${namespace}}:*`)
    expect(written).toHaveLength(2)
    const db = keys.handle(() => tenantOf('acme'))
    for (const name of written) expect(await db.get(name)).toBeNull()
    for (const name of [...written, 'key:slug:acme', '}:key:slug:acme']) await db.set(name, 'of a tenant')
    await db.flushTenant()
    expect(await shared.get(slug('acme'))).toMatchObject({ text: 'text of 1' })
  })

  it.each([[''], ['a:b'], ['a}b'], ['a'.repeat(33)]])('refuses the namespace "%s"', namespace => {
    expect(() => entries(namespace)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
  })

  it('refuses to keep entries for longer than the bound allows, and a client with a prefix', () => {
    const client = connect(redis.server.url, { keyPrefix: 'x:' })
    expect(() => redisSharedEntries({ client })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    const shared = entries(fresh(), { ttl: 25_001 })
    expect(() => cachedRegistry(memoryRegistry(), { shared })).toThrow(
      expect.objectContaining({ code: 'ARGUMENT_INVALID' }),
    )
  })
})
