import { setImmediate as immediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createTenancy, memoryRegistry, type Tenant, type TenantStatus } from '../src/index.ts'
import { barrier, gate, recorder, refusal } from './support.ts'

function make(count: number, status: (n: number) => TenantStatus = () => 'active') {
  const registry = memoryRegistry(
    Array.from({ length: count }, (_, n) => ({ id: `t${n}`, slug: `t${n}`, name: `T ${n}`, status: status(n) })),
  )
  return { registry, tenancy: createTenancy({ registry, logger: recorder() }) }
}

const nothing = () => undefined
const never = () => expect.unreachable()

describe('forEach', () => {
  it('works as each active tenant once, and counts them', async () => {
    const { tenancy } = make(10, n => (n % 2 === 0 ? 'active' : n % 3 === 0 ? 'archived' : 'suspended'))
    const seen: string[] = []
    const total = await tenancy.forEach(async tenant => {
      await immediate()
      expect(tenancy.current()).toBe(tenant)
      seen.push(tenant.id)
    })
    expect(total).toBe(5)
    expect(seen.sort()).toEqual(['t0', 't2', 't4', 't6', 't8'])
    expect(tenancy.maybeCurrent()).toBeUndefined()
  })

  it.each([[1], [3], [undefined], [50]])(
    'never works on more than %s tenants at once, and on as many as that',
    async concurrency => {
      const { tenancy } = make(20)
      const width = Math.min(concurrency ?? 4, 20)
      const meet = barrier(width)
      let now = 0
      let most = 0
      await tenancy.forEach(
        async () => {
          now += 1
          most = Math.max(most, now)
          await meet()
          await immediate()
          now -= 1
        },
        concurrency === undefined ? {} : { concurrency },
      )
      expect(most).toBe(width)
    },
  )

  it('goes on after a failure, and tells all of them at the end', async () => {
    const { tenancy } = make(6)
    const seen: string[] = []
    const work = ({ id }: Tenant) => {
      seen.push(id)
      if (id === 't1') throw new Error('at once')
      return id === 't4' ? Promise.reject(new Error('later')) : undefined
    }
    const error = await refusal('FOR_EACH_FAILED', () => tenancy.forEach(work))
    expect(seen).toHaveLength(6)
    expect(error.details).toEqual({ failed: ['t1', 't4'], total: 6 })
    expect((error.cause as AggregateError).errors.map(({ message }: Error) => message)).toEqual(['at once', 'later'])
  })

  it('is refused inside a tenant, before anything is listed', async () => {
    const { tenancy, registry } = make(2)
    const first = await registry.find({ kind: 'id', value: 't0' })
    if (first === undefined) throw new Error('no tenant')
    const { details } = await tenancy.run(first, () => refusal('TENANT_SWITCHED', () => tenancy.forEach(never)))
    expect(details).toEqual({ from: 't0', to: 'every tenant' })
  })

  it('works in the system scope', async () => {
    const { tenancy } = make(3)
    expect(await tenancy.runAsSystem({ actor: 'test', reason: 'count' }, () => tenancy.forEach(nothing))).toBe(3)
  })

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses a concurrency of %s', async concurrency => {
    const { details } = await refusal('ARGUMENT_INVALID', () => make(1).tenancy.forEach(nothing, { concurrency }))
    expect(details.field).toBe('concurrency')
  })

  it('waits for the work that has begun when the list breaks, and begins no more', async () => {
    const { registry } = make(2)
    const broken = new Error('connection refused')
    async function* list() {
      yield* registry.list()
      throw broken
    }
    const tenancy = createTenancy({ registry: { ...registry, list }, logger: recorder() })
    const go = gate()
    let done = 0
    let ended = false
    const work = tenancy.forEach(async () => {
      await go.opened
      done += 1
    })
    const end = work
      .catch((error: unknown) => error)
      .finally(() => {
        ended = true
      })
    await immediate()
    expect(ended).toBe(false)
    go.open()
    expect(await end).toBe(broken)
    expect(done).toBe(2)
  })
})
