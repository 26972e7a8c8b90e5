import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  cachedRegistry,
  isTenancyError,
  makeTenant,
  type Tenant,
  type TenantKey,
  type TenantRegistry,
} from '../../src/index.ts'
import { gate, recorder } from '../support.ts'

const [ids, slugs, domains] = [
  ['a', 'b'],
  ['s0', 's1', 's2'],
  ['d0.example', 'd1.example'],
] as const
const [ttl, negativeTtl] = [500, 100]

/** What was true of a tenant, and for how long. */
interface Fact {
  readonly tenant: Tenant
  readonly domains: readonly string[]
  readonly since: number
  until: number
}

/** The registry: everything that was ever true. Reads see the present, and arrive when they are let. */
function truth() {
  const facts: Fact[] = []
  const gone = new Set<string>()
  const held: { readonly open: () => void }[] = []
  const present = (id: string) => facts.find(fact => fact.tenant.id === id && fact.until === Number.POSITIVE_INFINITY)
  const leads = ({ kind, value }: TenantKey, { tenant, domains: names }: Fact) =>
    kind === 'domain' ? names.includes(value) : tenant[kind] === value
  const holder = (key: TenantKey) => facts.find(fact => leads(key, fact) && fact.until === Number.POSITIVE_INFINITY)

  async function arrive<T>(answer: T): Promise<T> {
    const turnstile = gate()
    held.push(turnstile)
    await turnstile.opened
    return answer
  }

  const registry: TenantRegistry = {
    find: key => arrive(holder(key)?.tenant),
    findDefault: () => undefined,
    list: () => {
      throw new Error('Nobody lists.')
    },
  }
  return {
    ...{ registry, facts, held, leads },
    /** Writes a tenant, or `undefined` when another one has its names; tells what a life cycle would announce. */
    write(id: string, slug: string, names: readonly string[], isActive: boolean, now: number) {
      const before = present(id)
      const isTaken = (key: TenantKey) => (holder(key)?.tenant.id ?? id) !== id
      const keys: TenantKey[] = [
        { kind: 'slug', value: slug },
        ...names.map(value => ({ kind: 'domain', value }) as const),
      ]
      if (gone.has(id) || keys.some(isTaken)) return undefined
      if (before !== undefined) before.until = now
      const version = (before?.tenant.version ?? 0) + 1
      const status = isActive ? 'active' : 'suspended'
      const fields = { id, slug, name: id, status, domains: [...names], placement: {}, settings: {} } as const
      const tenant = makeTenant({ ...fields, domains: [...names], isDefault: false, isControl: false }, version)
      facts.push({ tenant, domains: names, since: now, until: Number.POSITIVE_INFINITY })
      return { id, version, keys }
    },
    remove(id: string, now: number) {
      const before = present(id)
      if (before === undefined) return undefined
      before.until = now
      gone.add(id)
      return { id, version: before.tenant.version + 1, keys: [] }
    },
    /** Whether nobody had a key at some time from `from` on. */
    wasFree(key: TenantKey, from: number, now: number) {
      const spans = facts.filter(fact => leads(key, fact) && fact.until >= from).sort((x, y) => x.since - y.since)
      let covered = from
      for (const { since, until } of spans) {
        if (since > covered) return true
        covered = Math.max(covered, until)
      }
      return covered <= now
    },
  }
}

const key = fc.oneof(
  fc.constantFrom(...ids).map((value): TenantKey => ({ kind: 'id', value })),
  fc.constantFrom(...slugs).map((value): TenantKey => ({ kind: 'slug', value })),
  fc.constantFrom(...domains).map((value): TenantKey => ({ kind: 'domain', value })),
)
const act = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('find' as const), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), at: fc.nat(5) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('release all' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      id: fc.constantFrom(...ids),
      slug: fc.constantFrom(...slugs),
      domains: fc.subarray([...domains]),
      isActive: fc.constantFrom(true, true, true, false),
      isHeard: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('remove' as const), id: fc.constantFrom(...ids), isHeard: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('miss' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 50, 99, 100, 500) }),
  },
)

describe('any reads and changes in any order', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => void vi.useRealTimers())

  it('C20 E12 P10 never answer with an older version than before or than was told, nor with what is older than its time', async () => {
    let answers = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { minLength: 5, maxLength: 80, size: 'max' }),
        fc.constantFrom(1, 100),
        async (acts, max) => {
          const world = truth()
          let missed: () => void = () => undefined
          const bus = {
            name: 'test',
            subscribe: async (listener: { missed(): void }) => {
              missed = listener.missed
              return async () => undefined
            },
          }
          const cache = cachedRegistry(world.registry, { ttl, negativeTtl, max, buses: [bus], logger: recorder() })
          await cache.ready()
          const settled: Promise<void>[] = []
          const highest = new Map<string, number>()
          const raise = (id: string, version: number) => highest.set(id, Math.max(version, highest.get(id) ?? 0))

          function judge(
            asked: TenantKey,
            at: number,
            floor: ReadonlyMap<string, number>,
            answer: Tenant | undefined,
          ): void {
            const now = performance.now()
            answers += 1
            if (answer === undefined) {
              expect(world.wasFree(asked, at - negativeTtl, now)).toBe(true)
              return
            }
            const fact = world.facts.find(({ tenant }) => tenant === answer)
            if (fact === undefined) throw new Error('It was never true.')
            expect(world.leads(asked, fact)).toBe(true)
            expect(fact.until).toBeGreaterThanOrEqual(at - (answer.status === 'active' ? ttl : negativeTtl))
            expect(answer.version).toBeGreaterThanOrEqual(floor.get(answer.id) ?? 0)
            // Those that were only answered are forgotten with their tenants, when there are too many.
            if (max > ids.length) raise(answer.id, answer.version)
          }

          // With a memory for one, changes of two can follow each other faster than a question is answered.
          function unsure(error: unknown): void {
            if (max > ids.length || !isTenancyError(error) || error.code !== 'CONFIG_INVALID') throw error
          }

          for (const each of acts) {
            // No two things happen at the same time.
            vi.advanceTimersByTime(1)
            const now = performance.now()
            switch (each.do) {
              case 'find': {
                const floor = new Map(highest)
                const answer = cache.find(each.key)
                if (answer instanceof Promise)
                  settled.push(answer.then(found => judge(each.key, now, floor, found), unsure))
                else judge(each.key, now, floor, answer)
                break
              }
              case 'release':
                world.held.splice(each.at % Math.max(1, world.held.length), 1)[0]?.open()
                break
              case 'release all':
                for (const { open } of world.held.splice(0)) open()
                break
              case 'write':
              case 'remove': {
                const change =
                  each.do === 'write'
                    ? world.write(each.id, each.slug, each.domains, each.isActive, now)
                    : world.remove(each.id, now)
                if (change === undefined || !each.isHeard) break
                await cache.announce(change)
                raise(change.id, change.version)
                break
              }
              case 'miss':
                missed()
                break
              case 'pass':
                vi.advanceTimersByTime(each.ms)
            }
            expect(cache.stats().tenants).toBeLessThanOrEqual(max)
            expect(cache.stats().refusals).toBeLessThanOrEqual(max)
            for (let turn = 0; turn < 20; turn++) await undefined
          }
          while (world.held.length > 0) {
            for (const { open } of world.held.splice(0)) open()
            for (let turn = 0; turn < 20; turn++) await undefined
          }
          await Promise.all(settled)
        },
      ),
      { numRuns: 1_500 },
    )
    expect(answers).toBeGreaterThan(10_000)
  }, 120_000)
})
