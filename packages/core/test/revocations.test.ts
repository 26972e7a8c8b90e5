import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import {
  cachedRegistry,
  createTenancy,
  type ErrorCode,
  host,
  type RegistryChange,
  type TenancyOptions,
  type Tenant,
  type TenantStatus,
  type WatchedRegistry,
} from '../src/index.ts'
import { changeOf, frozenClock, localBus, slowRegistry, slug } from './cache/support.ts'
import { gate, recorder, refusal, request } from './support.ts'

const refused: readonly (readonly [TenantStatus, ErrorCode])[] = [
  ['suspended', 'TENANT_SUSPENDED'],
  ['archived', 'TENANT_NOT_FOUND'],
  ['deprovisioning', 'TENANT_NOT_FOUND'],
  ['failed', 'TENANT_NOT_READY'],
]

/** Two processes over one registry and one bus: what is done in the one is heard of in the other. */
async function world(options: Partial<TenancyOptions> = {}) {
  const pass = frozenClock()
  const bus = localBus()
  const registry = slowRegistry([
    { id: 'acme', slug: 'acme', name: 'Acme' },
    { id: 'globex', slug: 'globex', name: 'Globex' },
  ])
  const logger = recorder()
  const there = cachedRegistry(registry, { buses: [bus], logger })
  const cache = cachedRegistry(registry, { buses: [bus], logger })
  await Promise.all([there.ready(), cache.ready()])
  const resolvers = [host({ baseDomains: ['example.com'] })]
  const tenancy = createTenancy({ registry: cache, resolvers, logger, ...options })
  const acme = (await cache.find(slug('acme'))) as Tenant
  const globex = (await cache.find(slug('globex'))) as Tenant
  const set = async (status: TenantStatus, id = 'acme') => {
    await there.announce(changeOf(registry.stored.update(id, { status })))
    await pass(0)
  }
  return { pass, bus, registry, cache, there, tenancy, acme, globex, set }
}

describe.each(refused)('a tenant that is %s in another process', (status, code) => {
  it('E12 P12 C19 is refused at once on every way in, also with a snapshot from before', async () => {
    const { tenancy, acme, set } = await world({ audit: { audit: async () => undefined } })
    const job = tenancy.run(acme, tenancy.capture)
    const jane = { actor: 'jane', as: 'bob', tenant: acme, reason: 'ticket 7', duration: 600_000 }
    let began = 0
    const work = () => {
      began += 1
    }
    await set(status)
    await refusal(code, () => tenancy.resolve(request('/', { host: 'acme.example.com' })))
    await refusal(code, () => tenancy.run(acme, work))
    await refusal(code, () => tenancy.run({ ...acme }, work))
    await refusal(code, () => tenancy.resume(job, work))
    await refusal(code, () => tenancy.impersonate(jane, work))
    expect(began).toBe(0)
  })

  it('C19 L3 work under way ends when its time is over: no statement later, and its signal says so', async () => {
    const { pass, tenancy, acme, globex, set } = await world({ drain: 3_000 })
    const [step, done] = [gate(), gate()]
    const seen: string[] = []
    const statement = () => seen.push(tenancy.current().id)
    const aborted: unknown[] = []
    const working = tenancy.run(acme, async () => {
      const signal = tenancy.signal()
      signal.addEventListener('abort', () => aborted.push(signal.reason))
      statement()
      await step.opened
      statement()
      await done.opened
      await refusal(code, statement)
      await refusal(code, () => tenancy.capture())
      await refusal(code, () => tenancy.signal())
      return aborted.length
    })
    await set(status)
    await pass(2_999)
    step.open()
    await pass(0)
    expect(seen).toEqual(['acme', 'acme'])
    expect(aborted).toEqual([])
    await pass(1)
    expect(aborted).toEqual([expect.objectContaining({ code })])
    done.open()
    expect(await working).toBe(1)
    expect(tenancy.run(globex, () => tenancy.current().id)).toBe('globex')
  })
})

describe('work of a tenant that is no longer active', () => {
  it('C19 ends at once without time', async () => {
    const { tenancy, acme, set } = await world({ drain: 0 })
    const turn = gate()
    const working = tenancy.run(acme, async () => {
      const signal = tenancy.signal()
      tenancy.current()
      await turn.opened
      expect(signal.aborted).toBe(true)
      await refusal('TENANT_SUSPENDED', () => tenancy.current())
    })
    await set('suspended')
    turn.open()
    await working
  })

  it('C19 a callback that was bound before is refused as the work itself', async () => {
    const { pass, tenancy, acme, set } = await world()
    const bound = tenancy.run(acme, () => tenancy.bind(() => tenancy.current().id))
    expect(bound()).toBe('acme')
    await set('suspended')
    await pass(5_000)
    await refusal('TENANT_SUSPENDED', bound)
  })

  it('L3 one that was removed is refused as one that never was', async () => {
    const { pass, registry, there, tenancy, acme } = await world()
    const working = tenancy.run(acme, () => tenancy.bind(() => tenancy.current().id))
    const find = registry.stored.find
    registry.stored.find = key => (key.value === 'acme' ? undefined : find(key))
    await there.announce({ id: 'acme', version: acme.version + 1, keys: [slug('acme')] })
    await pass(0)
    await refusal('TENANT_NOT_FOUND', () => tenancy.run(acme, () => 'never'))
    await refusal('TENANT_NOT_FOUND', () => tenancy.run({ ...acme, version: 99 }, () => 'never'))
    await pass(5_000)
    await refusal('TENANT_NOT_FOUND', working)
  })

  it('with hideSuspended it is refused as one that never was', async () => {
    const { tenancy, acme, set } = await world({ hideSuspended: true })
    await set('suspended')
    await refusal('TENANT_NOT_FOUND', () => tenancy.run(acme, () => 'never'))
  })

  it('goes on when it is active again, and so does what its snapshot is entered for', async () => {
    const { pass, tenancy, acme, set } = await world()
    const bound = tenancy.run(acme, () => tenancy.bind(() => tenancy.signal()))
    const signal = bound()
    await set('suspended')
    await pass(3_000)
    await set('active')
    await pass(60_000)
    expect(bound()).toBe(signal)
    expect(signal.aborted).toBe(false)
    expect(tenancy.run(acme, () => tenancy.current().id)).toBe('acme')
  })

  it('C19 has no more time for having been suspended again', async () => {
    const { pass, tenancy, acme, set } = await world()
    const bound = tenancy.run(acme, () => tenancy.bind(() => tenancy.current().id))
    await set('suspended')
    await pass(3_000)
    await set('archived')
    await pass(999)
    expect(bound()).toBe('acme')
    await pass(1)
    await refusal('TENANT_NOT_FOUND', bound)
  })

  it('a snapshot that was read since is served, whoever told of it or not', async () => {
    const { bus, registry, cache, tenancy, acme, set } = await world()
    await set('suspended')
    bus.cut()
    registry.stored.update('acme', { status: 'active' })
    bus.mend()
    const now = (await cache.find(slug('acme'))) as Tenant
    expect(tenancy.run(now, () => tenancy.current().version)).toBe(3)
    expect(tenancy.run(acme, () => tenancy.current().version)).toBe(1)
  })
})

describe('a change that is none of the status', () => {
  it('ends nothing, and snapshots from before go on', async () => {
    const { pass, registry, there, tenancy, acme } = await world({ drain: 0 })
    const bound = tenancy.run(acme, () => tenancy.bind(() => tenancy.signal()))
    const signal = bound()
    const turnstile = registry.hold()
    await there.announce(changeOf(registry.stored.update('acme', { name: 'Acme 2' })))
    // Before the registry has said what has changed.
    expect(bound()).toBe(signal)
    expect(tenancy.run(acme, () => tenancy.current().name)).toBe('Acme')
    turnstile.open()
    await pass(60_000)
    expect(bound()).toBe(signal)
    expect(signal.aborted).toBe(false)
  })
})

describe('when it is not known what has changed', () => {
  it('C19 work ends when its time is over, and goes on once it is known that it may', async () => {
    const { pass, registry, there, tenancy, acme } = await world({ drain: 3_000 })
    const bound = tenancy.run(acme, () => tenancy.bind(() => tenancy.current().id))
    const signal = tenancy.run(acme, () => tenancy.signal())
    registry.fail(new Error('The registry is down.'))
    await there.announce(changeOf(registry.stored.update('acme', { name: 'Acme 2' })))
    await pass(2_999)
    expect(bound()).toBe('acme')
    expect(tenancy.run(acme, () => 'begun')).toBe('begun')
    await pass(1)
    expect(signal.reason).toMatchObject({ code: 'TENANT_NOT_READY' })
    await refusal('TENANT_NOT_READY', bound)
    const { details } = await refusal('TENANT_NOT_READY', () => tenancy.run(acme, () => 'never'))
    expect(details.status).toBe('unknown')
    registry.fail(undefined)
    await pass(1_000)
    expect(bound()).toBe('acme')
  })

  it('C19 an answer from before the last change says nothing, whenever it comes', async () => {
    const pass = frozenClock()
    const [stored, answers] = [
      slowRegistry([{ id: 'acme', slug: 'acme', name: 'Acme' }]).stored,
      new Map<number, () => void>(),
    ]
    const acme = (await stored.find(slug('acme'))) as Tenant
    let asked = 0
    let hear: (change: RegistryChange) => void = () => undefined
    // No cache, so that nothing but the tenancy itself knows which answer is the last.
    const registry: WatchedRegistry = {
      ...stored,
      async find(key) {
        const tenant = await stored.find(key)
        await new Promise<void>(resolve => answers.set(++asked, resolve))
        return tenant
      },
      onChange(listener) {
        hear = listener.changed
        return () => undefined
      },
    }
    const tenancy = createTenancy({ registry, drain: 0, logger: recorder() })
    hear(changeOf(stored.update('acme', { status: 'suspended' })))
    await pass(0)
    hear(changeOf(stored.update('acme', { status: 'active' })))
    await pass(0)
    answers.get(2)?.()
    await pass(0)
    answers.get(1)?.()
    await pass(0)
    expect(tenancy.run(acme, () => tenancy.current().id)).toBe('acme')
  })

  it('C19 an answer that is older than what was told is none', async () => {
    const pass = frozenClock()
    const stored = slowRegistry([{ id: 'acme', slug: 'acme', name: 'Acme' }]).stored
    const acme = (await stored.find(slug('acme'))) as Tenant
    let hear: (change: RegistryChange) => void = () => undefined
    const registry: WatchedRegistry = {
      ...stored,
      onChange(listener) {
        hear = listener.changed
        return () => undefined
      },
    }
    const tenancy = createTenancy({ registry, drain: 0, logger: recorder() })
    // A replica that lags has not heard of it.
    hear({ id: 'acme', version: 2, keys: [] })
    await pass(1_000)
    await refusal('TENANT_NOT_READY', () => tenancy.run(acme, () => 'never'))
    stored.update('acme', { name: 'Acme 2' })
    await pass(1_000)
    expect(tenancy.run(acme, () => tenancy.current().id)).toBe('acme')
  })
})

describe('with no bus', () => {
  it('C19 work under way notices by itself, within the bound, its own interval and its time', async () => {
    const { pass, bus, cache, registry, tenancy, acme } = await world({ drain: 1_000 })
    const bound = tenancy.run(acme, () => tenancy.bind(() => tenancy.current().id))
    bound()
    bus.cut()
    registry.stored.update('acme', { status: 'suspended' })
    for (let ms = 0; ms < cache.bound + 5_000 + 1_000; ms += 100) {
      await pass(100)
      try {
        bound()
      } catch {
        break
      }
    }
    await refusal('TENANT_SUSPENDED', bound)
  })

  it('C19 what only waits for its signal hears of it once the bus is mended', async () => {
    const { pass, bus, registry, tenancy, acme, globex } = await world()
    const signal = tenancy.run(acme, () => tenancy.signal())
    const other = tenancy.run(globex, () => tenancy.signal())
    bus.cut()
    registry.stored.update('acme', { status: 'suspended' })
    await pass(60_000)
    bus.mend()
    await pass(5_000)
    expect(signal.reason).toMatchObject({ code: 'TENANT_SUSPENDED' })
    expect(other.aborted).toBe(false)
  })

  it('work that does much asks the cache once in five seconds, and the registry no more often than the cache does', async () => {
    const { pass, registry, tenancy, acme } = await world()
    const bound = tenancy.run(acme, () => tenancy.bind(() => tenancy.current().id))
    registry.asked.length = 0
    for (let second = 0; second < 20; second++) {
      for (let n = 0; n < 100; n++) bound()
      await pass(1_000)
    }
    expect(registry.asked.length).toBeGreaterThan(0)
    expect(registry.asked.length).toBeLessThanOrEqual(4)
  })
})

describe('a signal', () => {
  it('X1 says that a tenant is over in nobody’s context, in whosever work that was noticed', async () => {
    const { pass, registry, cache, tenancy, acme, globex } = await world({ drain: 0 })
    const contexts: unknown[] = []
    const ambient = new AsyncLocalStorage<string>()
    tenancy.run(acme, () => {
      tenancy.signal().addEventListener('abort', () => contexts.push(tenancy.maybeCurrent()?.id, ambient.getStore()))
    })
    registry.stored.update('acme', { status: 'suspended' })
    await pass(5_000)
    // Nobody has told: it is read in the work of another tenant.
    await tenancy.run(globex, () => ambient.run('of globex', () => cache.find(slug('acme'))))
    await pass(0)
    expect(contexts).toEqual([undefined, undefined])
  })

  it('X1 and not in that of the work which noticed it by itself', async () => {
    // By real timers: those of a clock that stands still have no context.
    const registry = slowRegistry([{ id: 'acme', slug: 'acme', name: 'Acme' }])
    const acme = (await registry.find(slug('acme'))) as Tenant
    registry.stored.update('acme', { status: 'suspended' })
    const cache = cachedRegistry(registry, { logger: recorder() })
    const tenancy = createTenancy({ registry: cache, drain: 20, logger: recorder() })
    const context = await new Promise(resolve => {
      tenancy.run(acme, () => {
        tenancy.signal().addEventListener('abort', () => resolve(tenancy.maybeCurrent()?.id))
      })
    })
    expect(context).toBeUndefined()
  })

  it('there is none outside a tenant', async () => {
    const { tenancy } = await world()
    await refusal('TENANT_CONTEXT_MISSING', () => tenancy.signal())
  })

  it('never aborts with a registry that tells of nothing', async () => {
    const registry = slowRegistry([{ id: 'acme', slug: 'acme', name: 'Acme' }])
    const tenancy = createTenancy({ registry, logger: recorder() })
    const acme = (await registry.find(slug('acme'))) as Tenant
    registry.stored.update('acme', { status: 'suspended' })
    expect(tenancy.run(acme, () => tenancy.signal()).aborted).toBe(false)
  })
})

it.each([[-1], [1.5], [Number.NaN], ['5' as never]])('a drain of %s is refused', async drain => {
  const { registry } = { registry: slowRegistry() }
  expect((await refusal('ARGUMENT_INVALID', () => createTenancy({ registry, drain }))).details.field).toBe('drain')
})
