import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { type CachedRegistryOptions, cachedRegistry, createTenancy, host, type TenantInput } from '../../src/index.ts'
import { recorder, refusal, request } from '../support.ts'
import { changeOf, domain, frozenClock, id, localBus, type SlowRegistry, slowRegistry, slug } from './support.ts'

const acme: TenantInput = { id: 'acme', slug: 'acme', name: 'Acme', domains: ['acme.example'], isDefault: true }

function world(tenants: readonly TenantInput[] = [acme], options: CachedRegistryOptions = {}) {
  const registry = slowRegistry(tenants)
  const logger = recorder()
  return { registry, logger, cache: cachedRegistry(registry, { logger, ...options }) }
}

/** Another process over the same registry. */
const beside = (registry: SlowRegistry, options: CachedRegistryOptions = {}) =>
  cachedRegistry(registry, { logger: recorder(), ...options })

describe('a tenant that was found', () => {
  it('P09 is answered again without a promise and without a question, by its id and its slug as well', async () => {
    const { cache, registry } = world()
    const tenant = await cache.find(domain('acme.example'))
    expect(tenant).toMatchObject({ slug: 'acme' })
    for (const key of [domain('acme.example'), domain('ACME.example'), slug('acme'), slug('Acme'), id('acme')]) {
      expect(cache.find(key)).toBe(tenant)
    }
    expect(registry.asked).toEqual(['domain acme.example'])
    expect(cache.stats()).toMatchObject({ hits: 5, misses: 1, reads: 1, tenants: 1, refusals: 0, underway: 0 })
  })

  it('P09 and the default tenant is', async () => {
    const { cache, registry } = world()
    const tenant = await cache.findDefault()
    expect(cache.findDefault()).toBe(tenant)
    expect(cache.find(slug('acme'))).toBe(tenant)
    expect(registry.asked).toEqual(['default'])
  })

  it('P09 a request for it that is resolved asks nobody', async () => {
    const { cache, registry } = world()
    const tenancy = createTenancy({ registry: cache, resolvers: [host({ baseDomains: ['example.com'] })] })
    const ask = () => tenancy.resolve(request('/', { host: 'acme.example.com' }))
    await ask()
    await ask()
    expect(registry.asked).toHaveLength(1)
  })

  it('C20 is asked for once, however many ask at the same time', async () => {
    const { cache, registry } = world()
    const turnstile = registry.hold()
    const all = Array.from({ length: 50 }, () => cache.find(slug('acme')))
    expect(cache.stats().underway).toBe(1)
    turnstile.open()
    expect(new Set(await Promise.all(all)).size).toBe(1)
    expect(registry.asked).toHaveLength(1)
  })

  it('C20 is asked for anew by whoever comes so late that an answer from before could be too old', async () => {
    const pass = frozenClock()
    const { cache, registry } = world([])
    const turnstile = registry.hold()
    const early = cache.find(slug('acme'))
    registry.stored.add(acme)
    await pass(999)
    const joined = cache.find(slug('acme'))
    await pass(1)
    const late = cache.find(slug('acme'))
    turnstile.open()
    expect(await Promise.all([early, joined])).toEqual([undefined, undefined])
    expect(await late).toMatchObject({ id: 'acme' })
    expect(registry.asked).toHaveLength(2)
  })

  it('is asked for again when its time is over, which runs from the question and not from the answer', async () => {
    const pass = frozenClock()
    const { cache, registry } = world()
    const turnstile = registry.hold()
    const first = cache.find(slug('acme'))
    await pass(4_000)
    turnstile.open()
    await first
    await pass(999)
    await cache.find(slug('acme'))
    expect(registry.asked).toHaveLength(1)
    await pass(1)
    await cache.find(slug('acme'))
    expect(registry.asked).toHaveLength(2)
  })

  it('C10 leads by a slug or a domain that it no longer has to nobody, whichever keys the word of it named', async () => {
    const { cache, registry } = world()
    for (const key of [slug('acme'), domain('acme.example'), id('acme')]) await cache.find(key)
    const { id: key, version } = registry.stored.update('acme', { slug: 'apex', domains: [] })
    registry.stored.add({ id: 'other', slug: 'other', name: 'Other', domains: ['acme.example'] })
    await cache.announce({ id: key, version, keys: [] })
    expect(await cache.find(slug('acme'))).toBeUndefined()
    expect(await cache.find(domain('acme.example'))).toMatchObject({ id: 'other' })
    expect(await cache.find(id('acme'))).toMatchObject({ slug: 'apex' })
  })

  it('C10 does not answer for a domain that a newer snapshot of it no longer has', async () => {
    const { cache, registry } = world()
    await cache.find(domain('acme.example'))
    registry.stored.update('acme', { slug: 'apex', domains: [] })
    // Nobody has told; it is read by another key.
    await cache.find(slug('apex'))
    expect(await cache.find(domain('acme.example'))).toBeUndefined()
  })

  it('C10 does not answer for a slug that a newer snapshot of it no longer has', async () => {
    const { cache, registry } = world()
    await cache.find(slug('acme'))
    registry.stored.update('acme', { slug: 'apex' })
    // Nobody has told; it is read by another key.
    await cache.find(domain('acme.example'))
    expect(await cache.find(slug('acme'))).toBeUndefined()
    expect(await cache.find(slug('apex'))).toMatchObject({ id: 'acme', version: 2 })
  })
})

describe('a change', () => {
  it('P10 is seen here and in another process by the next request, and not by one more question than needed', async () => {
    const bus = localBus()
    const { cache, registry } = world([acme], { buses: [bus] })
    const other = beside(registry, { buses: [bus] })
    await Promise.all([cache.ready(), other.ready()])
    for (const each of [cache, other]) expect(await each.find(slug('acme'))).toMatchObject({ status: 'active' })
    await cache.announce(changeOf(registry.stored.update('acme', { isDefault: false, status: 'suspended' })))
    registry.asked.length = 0
    for (const each of [cache, other]) expect(await each.find(slug('acme'))).toMatchObject({ status: 'suspended' })
    expect(registry.asked).toEqual(['slug acme', 'slug acme'])
  })

  it('C20 L3 is not undone by a reader who is slower than it', async () => {
    const { cache, registry } = world()
    const turnstile = registry.hold()
    const reading = cache.find(slug('acme'))
    const suspended = registry.stored.update('acme', { isDefault: false, status: 'suspended' })
    await cache.announce({ id: 'acme', version: suspended.version, keys: [] })
    turnstile.open()
    // What it had read is known to be old, so that it read again.
    expect(await reading).toMatchObject({ status: 'suspended' })
    expect(await cache.find(slug('acme'))).toMatchObject({ status: 'suspended' })
    expect(await cache.find(id('acme'))).toMatchObject({ status: 'suspended' })
  })

  it('C20 is no mistake of the registry when there is one behind each question', async () => {
    const { cache, registry } = world()
    let turnstile = registry.hold()
    const reading = cache.find(slug('acme'))
    for (let change = 0; change < 10; change++) {
      const { version } = registry.stored.update('acme', { name: `Acme ${change}` })
      await cache.announce({ id: 'acme', version, keys: [] })
      const before = turnstile
      turnstile = registry.hold()
      before.open()
      for (let turn = 0; turn < 20; turn++) await undefined
    }
    turnstile.open()
    expect(await reading).toMatchObject({ name: 'Acme 9' })
    expect(registry.asked).toHaveLength(11)
  })

  it('C20 of a tenant that was suspended is seen by whichever key', async () => {
    const { cache, registry } = world([{ ...acme, isDefault: false, status: 'suspended' }])
    expect(await cache.find(domain('acme.example'))).toMatchObject({ status: 'suspended' })
    const { version } = registry.stored.update('acme', { status: 'active' })
    await cache.announce({ id: 'acme', version, keys: [] })
    expect(await cache.find(domain('acme.example'))).toMatchObject({ status: 'active' })
  })

  it('C20 E12 whoever asks behind it does not wait for a question from before it', async () => {
    const { cache, registry } = world()
    const turnstile = registry.hold()
    const before = cache.find(slug('acme'))
    const changed = registry.stored.update('acme', { name: 'Acme 2' })
    await cache.announce(changeOf(changed))
    const fresh = registry.hold()
    const after = cache.find(slug('acme'))
    fresh.open()
    expect(await after).toMatchObject({ name: 'Acme 2' })
    turnstile.open()
    expect(await before).toMatchObject({ name: 'Acme 2' })
    expect(registry.asked).toHaveLength(3)
  })

  it('C20 which was overtaken by another is not kept, though it is answered', async () => {
    const { cache, registry } = world([])
    const turnstile = registry.hold()
    const reading = cache.find(slug('acme'))
    const made = registry.stored.add(acme)
    await cache.announce(changeOf(made, domain('acme.example')))
    turnstile.open()
    expect(await reading).toBeUndefined()
    expect(await cache.find(slug('acme'))).toMatchObject({ id: 'acme' })
  })

  it('C20 that one could not be told of is said to whoever announces it; the others know', async () => {
    const [broken, sound] = [localBus('broken'), localBus('sound')]
    const { cache, registry } = world([acme], { buses: [broken, sound] })
    const other = beside(registry, { buses: [sound] })
    await other.ready()
    await other.find(slug('acme'))
    broken.cut()
    const error = await refusal('DATABASE_UNAVAILABLE', () =>
      cache.announce(changeOf(registry.stored.update('acme', { name: 'Acme 2' }))),
    )
    expect(error.message).toContain('not told of the change of tenant "acme": broken')
    expect(await cache.find(slug('acme'))).toMatchObject({ name: 'Acme 2' })
    expect(await other.find(slug('acme'))).toMatchObject({ name: 'Acme 2' })
  })

  it('C20 announcing it ends also when a bus never answers', async () => {
    const pass = frozenClock()
    const silent = { ...localBus('silent'), publish: () => new Promise<void>(() => undefined) }
    const { cache, registry } = world([acme], { buses: [silent] })
    const announced = refusal('DATABASE_UNAVAILABLE', () =>
      cache.announce(changeOf(registry.stored.update('acme', { name: 'Acme 2' }))),
    )
    await pass(2_000)
    expect((await announced).message).toContain('silent')
  })

  it('C20 P10 is seen within the bound with every bus cut', async () => {
    const pass = frozenClock()
    const bus = localBus()
    const { cache, registry } = world([acme], { buses: [bus], ttl: 3_000 })
    await cache.ready()
    bus.cut()
    await cache.find(slug('acme'))
    registry.stored.update('acme', { isDefault: false, status: 'suspended' })
    expect(cache.bound).toBe(3_000)
    await pass(cache.bound - 1)
    expect(cache.find(slug('acme'))).toMatchObject({ status: 'active' })
    await pass(1)
    expect(await cache.find(slug('acme'))).toMatchObject({ status: 'suspended' })
  })

  it('C20 that was missed while a bus was cut is seen as soon as it is mended', async () => {
    const bus = localBus()
    const { cache, registry } = world([acme, { slug: 'globex', name: 'Globex' }], { buses: [bus] })
    await cache.ready()
    await cache.find(slug('acme'))
    await cache.find(slug('none'))
    bus.cut()
    registry.stored.update('acme', { isDefault: false, status: 'suspended' })
    registry.stored.add({ slug: 'none', name: 'None' })
    bus.mend()
    expect(await cache.find(slug('acme'))).toMatchObject({ status: 'suspended' })
    expect(await cache.find(slug('none'))).toMatchObject({ name: 'None' })
  })

  it('C20 a question from before a bus was mended is answered, and not kept', async () => {
    const bus = localBus()
    const { cache, registry } = world([acme], { buses: [bus] })
    await cache.ready()
    bus.cut()
    const turnstile = registry.hold()
    const reading = cache.find(slug('acme'))
    registry.stored.update('acme', { isDefault: false, status: 'suspended' })
    bus.mend()
    turnstile.open()
    await reading
    expect(await cache.find(slug('acme'))).toMatchObject({ status: 'suspended' })
  })

  it('C20 that nobody told of is told to listeners once it is read', async () => {
    const pass = frozenClock()
    const { cache, registry } = world()
    const heard: unknown[] = []
    cache.onChange({ changed: change => heard.push(change), missed: () => heard.push('missed') })
    await cache.find(slug('acme'))
    registry.stored.update('acme', { name: 'Acme 2' })
    await pass(5_000)
    await cache.find(slug('acme'))
    expect(heard).toEqual([{ id: 'acme', version: 2, keys: [] }])
  })

  it('the default tenant is asked for anew behind every one', async () => {
    const { cache, registry } = world([{ slug: 'globex', name: 'Globex' }])
    expect(await cache.findDefault()).toBeUndefined()
    const made = registry.stored.add(acme)
    await cache.announce(changeOf(made))
    expect(await cache.findDefault()).toMatchObject({ id: 'acme' })
    await cache.announce(changeOf(registry.stored.update('acme', { isDefault: false })))
    expect(await cache.findDefault()).toBeUndefined()
  })
})

describe('a key that nobody has', () => {
  it('C11 is not asked for again for a short time, and purged when somebody is made who has it', async () => {
    const pass = frozenClock()
    const { cache, registry } = world([])
    for (const key of [slug('acme'), domain('acme.example'), id('acme')]) {
      expect(await cache.find(key)).toBeUndefined()
      expect(cache.find(key)).toBeUndefined()
    }
    expect(registry.asked).toHaveLength(3)
    const made = registry.stored.add({ ...acme, domains: ['acme.example'] })
    await cache.announce(changeOf(made, domain('acme.example')))
    for (const key of [slug('acme'), domain('acme.example'), id('acme')])
      expect(await cache.find(key)).toMatchObject({ id: 'acme' })

    expect(await cache.find(slug('globex'))).toBeUndefined()
    registry.stored.add({ slug: 'globex', name: 'Globex' })
    await pass(999)
    expect(cache.find(slug('globex'))).toBeUndefined()
    await pass(1)
    expect(await cache.find(slug('globex'))).toMatchObject({ name: 'Globex' })
  })

  it('A02 a tenant that was made is served by the next request', async () => {
    const { cache, registry } = world([])
    const tenancy = createTenancy({
      registry: cache,
      resolvers: [host({ baseDomains: ['example.com'] })],
      logger: recorder(),
    })
    const ask = () => tenancy.resolve(request('/', { host: 'acme.example.com' }))
    await refusal('TENANT_NOT_FOUND', ask)
    await cache.announce(changeOf(registry.stored.add(acme)))
    expect(await ask()).toMatchObject({ id: 'acme' })
  })

  it('C11 fills no more memory than was allowed, and pushes no tenant out', async () => {
    const { cache, registry } = world([acme], { max: 100 })
    await cache.find(slug('acme'))
    for (let n = 0; n < 1_000; n++) await cache.find(domain(`host-${n}.example`))
    expect(cache.stats()).toMatchObject({ tenants: 1, refusals: 100 })
    registry.asked.length = 0
    expect(cache.find(slug('acme'))).toMatchObject({ id: 'acme' })
    expect(cache.find(domain('host-999.example'))).toBeUndefined()
    await cache.find(domain('host-0.example'))
    expect(registry.asked).toEqual(['domain host-0.example'])
  })

  it('C11 and is longer than any name can be is asked for and not kept', async () => {
    const { cache, registry } = world()
    const long = slug('a'.repeat(254))
    for (let n = 0; n < 2; n++) expect(await cache.find(long)).toBeUndefined()
    expect(registry.asked).toHaveLength(2)
    expect(cache.stats().refusals).toBe(0)
  })

  it('E13 and one of an archived tenant are kept for as long, in the same place, and told apart by nothing else', async () => {
    const pass = frozenClock()
    const { cache, registry } = world([{ id: 'gone', slug: 'gone', name: 'Gone', status: 'archived' }])
    for (const name of ['gone', 'none']) await cache.find(slug(name))
    const asked = registry.asked.length
    expect(cache.find(slug('gone'))).toMatchObject({ status: 'archived' })
    expect(cache.find(slug('none'))).toBeUndefined()
    expect(cache.stats().refusals).toBe(2)
    expect(registry.asked).toHaveLength(asked)
    await pass(1_000)
    for (const name of ['gone', 'none']) expect(cache.find(slug(name))).toBeInstanceOf(Promise)
    expect(registry.asked).toHaveLength(asked + 2)
  })
})

describe('tenants that are many', () => {
  it('are kept up to the number that was allowed; who was read first goes first', async () => {
    const tenants = Array.from({ length: 30 }, (_, n) => ({ slug: `t${n}`, name: `T${n}`, domains: [`t${n}.example`] }))
    const { cache, registry } = world(tenants, { max: 10 })
    for (const { slug: name } of tenants) await cache.find(domain(`${name}.example`))
    expect(cache.stats().tenants).toBe(10)
    registry.asked.length = 0
    for (let n = 20; n < 30; n++) expect(cache.find(slug(`t${n}`))).toMatchObject({ slug: `t${n}` })
    expect(cache.find(domain('t0.example'))).toBeInstanceOf(Promise)
    expect(registry.asked).toEqual(['domain t0.example'])
  })

  it('C20 a refusal is not believed when nobody keeps the version of its tenant any more', async () => {
    const suspended = { ...acme, isDefault: false, status: 'suspended' as const }
    const { cache, registry } = world([suspended, { slug: 'globex', name: 'Globex' }], { max: 1 })
    await cache.find(domain('acme.example'))
    await cache.find(slug('globex'))
    const { version } = registry.stored.update('acme', { status: 'active' })
    await cache.announce({ id: 'acme', version, keys: [] })
    expect(await cache.find(domain('acme.example'))).toMatchObject({ status: 'active' })
  })

  it('C20 a slow reader is not believed when the versions that it could be held against were forgotten', async () => {
    const pass = frozenClock()
    const { cache, registry } = world([acme], { max: 2 })
    const turnstile = registry.hold()
    const reading = cache.find(slug('acme'))
    const suspended = registry.stored.update('acme', { isDefault: false, status: 'suspended' })
    await pass(1)
    await cache.announce({ id: 'acme', version: suspended.version, keys: [] })
    for (const each of ['b', 'c', 'd']) await cache.announce({ id: each, version: 1, keys: [] })
    turnstile.open()
    expect(await reading).toMatchObject({ status: 'suspended' })
  })
})

describe('a registry that fails', () => {
  it('C20 is heard of by whoever asks, is not remembered, and nothing old is served for it', async () => {
    const pass = frozenClock()
    const { cache, registry } = world()
    await cache.find(slug('acme'))
    await cache.find(slug('none'))
    await pass(5_000)
    registry.fail(new Error('The registry is down.'))
    for (let n = 0; n < 2; n++) await expect(cache.find(slug('acme'))).rejects.toThrow('The registry is down.')
    await expect(cache.find(slug('none'))).rejects.toThrow('The registry is down.')
    registry.fail(undefined)
    expect(await cache.find(slug('acme'))).toMatchObject({ id: 'acme' })
  })

  it('C20 a registry that answers with older versions than before is refused, not followed', async () => {
    const { cache, registry } = world()
    await cache.announce({ id: 'acme', version: 7, keys: [] })
    const { details } = await refusal('CONFIG_INVALID', () => cache.find(slug('acme')))
    expect(details.problems).toEqual(['asked for slug acme, it answers with an older version than before'])
    expect(registry.asked).toHaveLength(3)
  })

  it('C20 one that was set back is followed again after a minute without the higher version', async () => {
    const pass = frozenClock()
    const { cache } = world()
    await cache.announce({ id: 'acme', version: 7, keys: [] })
    await pass(59_999)
    await refusal('CONFIG_INVALID', () => cache.find(slug('acme')))
    await pass(1)
    expect(await cache.find(slug('acme'))).toMatchObject({ version: 1 })
  })

  it('C20 one that answers with another tenant is refused', async () => {
    const { registry, logger } = world()
    const cache = cachedRegistry({ ...registry, find: () => registry.find(id('acme')) }, { logger })
    await refusal('CONFIG_INVALID', () => cache.find(slug('globex')))
    await refusal('CONFIG_INVALID', () => cache.find(slug('globex')))
  })

  it('C20 a tenant without a version is refused', async () => {
    const { registry, logger } = world()
    const without = async () => ({ ...(await registry.find(id('acme'))), version: undefined }) as never
    await refusal('CONFIG_INVALID', () => cachedRegistry({ ...registry, find: without }, { logger }).find(slug('acme')))
  })
})

describe('the cache itself', () => {
  it.each([
    [{ ttl: 0 }, 'ttl'],
    [{ ttl: 5_001 }, 'ttl'],
    [{ negativeTtl: 2_000, ttl: 1_000 }, 'negativeTtl'],
    [{ negativeTtl: 0 }, 'negativeTtl'],
    [{ max: 0 }, 'max'],
    [{ max: Number.NaN }, 'max'],
  ])('refuses %j', async (options, field) => {
    const { details } = await refusal('ARGUMENT_INVALID', () => world([], options))
    expect(details.field).toBe(field)
  })

  it('begins each subscription once, tries those again that failed, and empties itself behind each', async () => {
    const bus = localBus()
    let attempts = 0
    const shy = {
      ...bus,
      name: 'shy',
      subscribe: async (...args: Parameters<typeof bus.subscribe>) => {
        attempts += 1
        if (attempts === 1) throw new Error('not yet')
        return bus.subscribe(...args)
      },
    }
    const { cache, registry } = world([acme], { buses: [bus, shy] })
    await cache.find(slug('acme'))
    await expect(cache.ready()).rejects.toThrow('not yet')
    await cache.find(slug('acme'))
    expect(registry.asked).toHaveLength(2)
    await cache.ready()
    await cache.ready()
    expect(attempts).toBe(2)
    await cache.find(slug('acme'))
    expect(registry.asked).toHaveLength(3)
  })

  it('answers nothing when it is closed, and hears nothing', async () => {
    const bus = localBus()
    const { cache } = world([acme], { buses: [bus] })
    await cache.ready()
    await cache.find(slug('acme'))
    await cache.close()
    expect(bus.listeners.size).toBe(0)
    await refusal('SCOPE_CLOSED', () => cache.find(slug('acme')))
    await refusal('SCOPE_CLOSED', () => cache.findDefault())
  })

  it('a listener that throws keeps the change from nobody', async () => {
    const { cache, registry, logger } = world()
    const heard: string[] = []
    cache.onChange({
      changed: () => {
        throw new Error('broken')
      },
      missed: () => undefined,
    })
    const stop = cache.onChange({ changed: ({ id: of }) => heard.push(of), missed: () => undefined })
    await cache.announce(changeOf(registry.stored.update('acme', { name: 'Acme 2' })))
    stop()
    await cache.announce(changeOf(registry.stored.update('acme', { name: 'Acme 3' })))
    expect(heard).toEqual(['acme'])
    expect(logger.records.filter(({ level }) => level === 'error')).toHaveLength(2)
  })

  it('X1 listeners hear of a change in nobody’s context, in whosever work it was noticed', async () => {
    const pass = frozenClock()
    const { cache, registry } = world()
    const ambient = new AsyncLocalStorage<string>()
    const heard: unknown[] = []
    cache.onChange({ changed: () => heard.push(ambient.getStore()), missed: () => undefined })
    await cache.find(slug('acme'))
    registry.stored.update('acme', { name: 'Acme 2' })
    await pass(5_000)
    await ambient.run('of globex', () => cache.find(slug('acme')))
    expect(heard).toEqual([undefined])
  })

  it('lists what the registry lists', async () => {
    const { cache } = world()
    const all: string[] = []
    for await (const tenant of cache.list()) all.push(tenant.id)
    expect(all).toEqual(['acme'])
  })
})
