import { EventEmitter, once } from 'node:events'
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTenancy, memoryRegistry, type Tenancy, type Tenant } from '../src/index.ts'
import { barrier, gate, recorder, refusal } from './support.ts'

const registry = memoryRegistry()
const acme = registry.add({ id: 'acme', slug: 'acme', name: 'Acme' })
const beta = registry.add({ id: 'beta', slug: 'beta', name: 'Beta' })
const access = { actor: 'test', reason: 'to look across tenants' }

function makeTenancy(): Tenancy {
  return createTenancy({ registry, logger: recorder() })
}

describe('missing-context check', () => {
  it('current() outside every run throws instead of guessing', async () => {
    const error = await refusal('TENANT_CONTEXT_MISSING', () => makeTenancy().current())
    expect(error.details.scope).toBe('none')
  })

  it('current() in the system scope throws', async () => {
    const tenancy = makeTenancy()
    const error = await refusal('TENANT_CONTEXT_MISSING', () => tenancy.runAsSystem(access, tenancy.current))
    expect(error.details.scope).toBe('system')
    expect(error.message).toContain('system scope')
  })

  it('a handle is given the check, so that it runs before every statement', async () => {
    const tenancy = makeTenancy()
    const asked = tenancy.handle({ handle: source => () => source().id } as Parameters<
      typeof tenancy.handle
    >[0]) as () => string
    await refusal('TENANT_CONTEXT_MISSING', asked)
    expect(tenancy.run(acme, asked)).toBe('acme')
    await refusal('TENANT_CONTEXT_MISSING', asked)
  })

  it('maybeCurrent() gives undefined outside, and in the system scope', async () => {
    const tenancy = makeTenancy()
    expect(tenancy.maybeCurrent()).toBeUndefined()
    expect(await tenancy.runAsSystem(access, tenancy.maybeCurrent)).toBeUndefined()
    expect(tenancy.run(acme, tenancy.maybeCurrent)).toBe(acme)
  })

  it('capture() outside every run throws', async () => {
    await refusal('TENANT_CONTEXT_MISSING', () => makeTenancy().capture())
  })
})

describe('a unit of work', () => {
  it('returns what its function returns, at once or later', async () => {
    const tenancy = makeTenancy()
    expect(tenancy.run(acme, () => tenancy.current().slug)).toBe('acme')
    await expect(tenancy.run(acme, async () => tenancy.current().slug)).resolves.toBe('acme')
  })

  it('X8 X12 keeps its context through promises, timers, immediates, ticks and microtasks', async () => {
    const tenancy = makeTenancy()
    const id = () => tenancy.current().id
    const seen = await tenancy.run(acme, async () => {
      const queued = new Promise<string>(resolve => queueMicrotask(() => resolve(id())))
      const ticked = new Promise<string>(resolve => process.nextTick(() => resolve(id())))
      const timed = new Promise<string>(resolve => setTimeout(() => resolve(id()), 1))
      const after = [immediate().then(id), sleep(1).then(id), Promise.reject(new Error('no')).catch(id)]
      return await Promise.all([queued, ticked, timed, ...after, Promise.resolve().finally(id).then(id)])
    })
    expect(new Set(seen)).toEqual(new Set(['acme']))
    expect(tenancy.maybeCurrent()).toBeUndefined()
  })

  it('X4 an async generator runs in the context of whoever consumes it', async () => {
    const tenancy = makeTenancy()
    async function* ids() {
      for (;;) {
        await immediate()
        yield tenancy.current().id
      }
    }
    const shared = ids()
    expect((await tenancy.run(acme, () => shared.next())).value).toBe('acme')
    expect((await tenancy.run(beta, () => shared.next())).value).toBe('beta')
    await refusal('TENANT_CONTEXT_MISSING', () => shared.next())
  })

  it('X1 a listener runs where the event is emitted, unless it was bound', () => {
    const tenancy = makeTenancy()
    const emitter = new EventEmitter()
    const seen: string[] = []
    tenancy.run(acme, () => {
      emitter.on('event', () => seen.push(`unbound ${tenancy.maybeCurrent()?.id}`))
      emitter.on(
        'event',
        tenancy.bind((text: string) => seen.push(`${text} ${tenancy.current().id}`)),
      )
    })
    tenancy.run(beta, () => emitter.emit('event', 'bound'))
    emitter.emit('event', 'bound')
    expect(seen).toEqual(['unbound beta', 'bound acme', 'unbound undefined', 'bound acme'])
  })

  it('X1 a function that was bound outside stays outside, and keeps its this', async () => {
    const tenancy = makeTenancy()
    await refusal('TENANT_CONTEXT_MISSING', () => tenancy.run(acme, tenancy.bind(tenancy.current)))
    const counter = {
      count: 2,
      read: tenancy.bind(function (this: { count: number }, by: number) {
        return this.count * by
      }),
    }
    expect(tenancy.run(acme, () => counter.read(21))).toBe(42)
  })

  it('X1 a waiter for an event keeps its own context', async () => {
    const tenancy = makeTenancy()
    const emitter = new EventEmitter()
    const waiting = tenancy.run(acme, () => once(emitter, 'event').then(() => tenancy.current().id))
    tenancy.run(beta, () => emitter.emit('event'))
    expect(await waiting).toBe('acme')
  })

  it('may enter its own tenant again', () => {
    const tenancy = makeTenancy()
    expect(tenancy.run(acme, () => tenancy.run(acme, () => tenancy.current().id))).toBe('acme')
  })

  it('X11 may not enter another tenant, and stays itself', async () => {
    const tenancy = makeTenancy()
    await tenancy.run(acme, async () => {
      const { details } = await refusal('TENANT_SWITCHED', () => tenancy.run(beta, () => 'never'))
      expect(details).toEqual({ from: 'acme', to: 'beta' })
      expect(tenancy.current()).toBe(acme)
    })
  })

  it('X11 two spellings of an id are two tenants', async () => {
    const tenancy = makeTenancy()
    await refusal('TENANT_SWITCHED', () => tenancy.run(acme, () => tenancy.run({ ...acme, id: 'ACME' }, () => 'never')))
  })

  it('X12 a throw restores the context outside', async () => {
    const tenancy = makeTenancy()
    const failing = () =>
      tenancy.run(acme, () => {
        throw new Error('planned')
      })
    expect(failing).toThrow('planned')
    expect(tenancy.maybeCurrent()).toBeUndefined()
    await expect(tenancy.run(acme, () => Promise.reject(new Error('later')))).rejects.toThrow('later')
    expect(tenancy.maybeCurrent()).toBeUndefined()
    await tenancy.runAsSystem(access, () => {
      expect(failing).toThrow('planned')
      expect(tenancy.maybeCurrent()).toBeUndefined()
    })
  })

  it('P06 many tenants inside at the same time never see each other', async () => {
    const tenancy = makeTenancy()
    const many = Array.from({ length: 20 }, (_, n) => ({ ...acme, id: `t${n}` }))
    for (let round = 0; round < 10; round += 1) {
      const meet = barrier(many.length)
      const seen = await Promise.all(
        many.map(tenant =>
          tenancy.run(tenant, async () => {
            const ids = [tenancy.current().id]
            await meet()
            ids.push(tenancy.current().id)
            await immediate()
            return new Set([...ids, tenancy.current().id])
          }),
        ),
      )
      expect(seen).toEqual(many.map(({ id }) => new Set([id])))
    }
  })

  it('X12 any tree of units of work, failures and waits shows each step its own tenant', async () => {
    const tenancy = makeTenancy()
    type Node = { tenant: 0 | 1; fails: boolean; waits: boolean; inner: Node[] }
    const { tree } = fc.letrec<{ tree: Node }>(tie => ({
      tree: fc.record({
        tenant: fc.constantFrom<(0 | 1)[]>(0, 1),
        fails: fc.boolean(),
        waits: fc.boolean(),
        inner: fc.oneof({ depthSize: 'small' }, fc.constant<Node[]>([]), fc.array(tie('tree'), { maxLength: 3 })),
      }),
    }))
    const walk = async (node: Node, around: Tenant | undefined): Promise<void> => {
      const tenant = node.tenant === 0 ? acme : beta
      const work = async () => {
        expect(tenancy.current()).toBe(tenant)
        if (node.waits) await immediate()
        await Promise.all(node.inner.map(inner => walk(inner, tenant)))
        expect(tenancy.current()).toBe(tenant)
        if (node.fails) throw new Error('planned')
      }
      const enter = async () => tenancy.run(tenant, work)
      if (around !== undefined && around !== tenant) await refusal('TENANT_SWITCHED', enter)
      else await enter().catch((error: Error) => expect(error.message).toBe('planned'))
      expect(tenancy.maybeCurrent()).toBe(around)
    }
    await fc.assert(
      fc.asyncProperty(fc.array(tree, { maxLength: 4 }), async trees => {
        await Promise.all(trees.map(node => walk(node, undefined)))
      }),
    )
  })
})

describe('the tenant in context', () => {
  it('X10 is frozen, all the way down', () => {
    const tenancy = makeTenancy()
    tenancy.run({ ...acme, settings: { theme: { colour: 'red' } } }, () => {
      const tenant = tenancy.current() as unknown as { slug: string; settings: { theme: { colour: string } } }
      expect(() => {
        tenant.slug = 'beta'
      }).toThrow(TypeError)
      expect(() => {
        tenant.settings.theme.colour = 'blue'
      }).toThrow(TypeError)
    })
  })

  it.each([
    ['plain', (tenant: Tenant) => tenant],
    ['frozen on the outside only', (tenant: Tenant) => Object.freeze(tenant)],
  ])('X10 does not change when the caller changes its own object (%s)', async (_, prepare) => {
    const tenancy = makeTenancy()
    const mine = { ...acme, placement: { schema: 't_acme' } }
    await tenancy.run(prepare(mine), async () => {
      const before = JSON.stringify(tenancy.current())
      if (!Object.isFrozen(mine)) Object.assign(mine, { id: 'beta', status: 'archived' })
      mine.placement.schema = 't_beta'
      await immediate()
      expect(JSON.stringify(tenancy.current())).toBe(before)
    })
    expect(Object.isFrozen(mine.placement)).toBe(false)
  })

  it('is the snapshot of the registry itself, not a copy of it', () => {
    const tenancy = makeTenancy()
    expect(tenancy.run(acme, tenancy.current)).toBe(acme)
  })

  it('is of one tenancy: another one does not see it', () => {
    const [one, other] = [makeTenancy(), makeTenancy()]
    one.run(acme, () => {
      expect(other.maybeCurrent()).toBeUndefined()
      expect(other.run(beta, () => [one.current().id, other.current().id])).toEqual(['acme', 'beta'])
    })
  })
})

describe('the system scope', () => {
  it('has no tenant, may enter any, and gives the tenant back afterwards', async () => {
    const tenancy = makeTenancy()
    await tenancy.run(acme, async () => {
      await tenancy.runAsSystem(access, async () => {
        expect(tenancy.maybeCurrent()).toBeUndefined()
        expect(tenancy.run(beta, () => tenancy.current().id)).toBe('beta')
        await immediate()
        expect(tenancy.maybeCurrent()).toBeUndefined()
      })
      expect(tenancy.current()).toBe(acme)
    })
  })

  it('is logged and told to listeners, with the tenant that it was entered from', async () => {
    const logger = recorder()
    const tenancy = createTenancy({ registry, logger })
    const heard: object[] = []
    tenancy.on('system', event => heard.push(event))
    await tenancy.runAsSystem(access, () => undefined)
    await tenancy.run(acme, () => tenancy.runAsSystem(access, () => undefined))
    expect(heard).toEqual([access, { ...access, from: 'acme' }])
    expect(logger.records).toMatchObject([{ level: 'warn', details: access }, { details: { from: 'acme' } }])
  })

  it.each([
    ['actor', { actor: ' ', reason: 'audit' }],
    ['reason', { actor: 'ops', reason: '' }],
    ['reason', { actor: 'ops' }],
  ])('is refused without its %s', async (field, incomplete) => {
    const { details } = await refusal('ARGUMENT_INVALID', () =>
      makeTenancy().runAsSystem(incomplete as typeof access, () => 'never'),
    )
    expect(details.field).toBe(field)
  })

  it('keeps its access from the caller, who may change the object', async () => {
    const tenancy = makeTenancy()
    const mine = { ...access }
    const go = gate()
    const work = tenancy.runAsSystem(mine, async () => {
      await go.opened
      return tenancy.maybeCurrent()
    })
    mine.actor = 'somebody else'
    go.open()
    expect(await work).toBeUndefined()
  })
})

describe('X5 a query builder that is returned', () => {
  it('does its work in the context, though it is awaited outside', async () => {
    const tenancy = makeTenancy()
    // biome-ignore lint/suspicious/noThenProperty: a query builder works when it is asked for its result.
    const builder = { then: (resolve: (slug: string) => void) => resolve(tenancy.current().slug) }
    expect(await tenancy.run(acme, () => builder)).toBe(acme.slug)
    const failing = {
      // biome-ignore lint/suspicious/noThenProperty: as above.
      then(_: unknown, reject: (error: Error) => void) {
        reject(new Error('of the builder'))
      },
    }
    await expect(tenancy.run(acme, () => failing)).rejects.toThrow('of the builder')
  })
})
