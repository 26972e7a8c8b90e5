import { afterEach, describe, expect, it, vi } from 'vitest'
import { type AuditEntry, type AuditLog, createTenancy, type Impersonation, memoryRegistry } from '../src/index.ts'
import { gate, recorder, refusal } from './support.ts'

const registry = memoryRegistry()
const acme = registry.add({ id: 'acme', slug: 'acme', name: 'Acme' })
const beta = registry.add({ id: 'beta', slug: 'beta', name: 'Beta' })
const jane = { actor: 'jane', as: 'bob@acme.org', reason: 'ticket 7' }
const access = { actor: 'ops', reason: 'ticket 7' }

function make(audit?: AuditLog) {
  const entries: AuditEntry[] = []
  const log: AuditLog = audit ?? { audit: async entry => void entries.push(entry) }
  const logger = recorder()
  const tenancy = createTenancy({ registry, logger, audit: log })
  const asJane = <T>(fn: () => T, change: Partial<Impersonation> = {}) =>
    tenancy.impersonate({ ...jane, tenant: acme, duration: 1000, ...change }, fn)
  return { tenancy, entries, logger, asJane }
}

afterEach(() => {
  vi.useRealTimers()
})

describe('P5 an impersonation', () => {
  it('enters the tenant, with both actors in the evidence, the audit, the log and the events', async () => {
    const { tenancy, entries, logger, asJane } = make()
    const heard: object[] = []
    tenancy.on('impersonation', event => heard.push(event))
    const before = Date.now()
    const [tenant, evidence] = await asJane(() => [tenancy.current(), tenancy.evidence()] as const)
    expect(tenant).toBe(acme)
    if (evidence.by !== 'impersonation') throw new Error(evidence.by)
    const { until } = evidence
    expect(evidence).toEqual({ by: 'impersonation', ...jane, until })
    expect(until - before).toBeGreaterThanOrEqual(1000)
    expect(Object.isFrozen(evidence)).toBe(true)
    const { actor, as, reason } = jane
    expect(entries).toEqual([{ action: 'tenant.impersonate', actor, tenant: 'acme', reason, details: { as, until } }])
    expect(heard).toEqual([{ ...jane, until, tenant: 'acme' }])
    expect(logger.records).toMatchObject([{ level: 'warn', details: { ...jane, tenant: 'acme' } }])
  })

  it('is written before it begins, and does not begin when it cannot be written', async () => {
    const written = gate()
    const order: string[] = []
    const { asJane } = make({
      async audit() {
        await written.opened
        order.push('written')
      },
    })
    const work = asJane(() => order.push('work'))
    written.open()
    await work
    expect(order).toEqual(['written', 'work'])
    const broken = new Error('the disk is full')
    const { asJane: unheard, logger } = make({ audit: () => Promise.reject(broken) })
    await expect(unheard(() => order.push('never'))).rejects.toBe(broken)
    expect([order.length, logger.records.length]).toEqual([2, 0])
    const silent = createTenancy({ registry, logger: recorder() })
    const without = silent.impersonate({ ...jane, tenant: acme, duration: 1 }, () => order.push('never'))
    await refusal('CONFIG_INVALID', () => without)
    expect(order.length).toBe(2)
  })

  it('ends after its time, for whatever goes on: nothing is known of the tenant, and nothing is entered', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] })
    const { tenancy, asJane } = make()
    await asJane(async () => {
      vi.advanceTimersByTime(999)
      expect(tenancy.current()).toBe(acme)
      vi.advanceTimersByTime(1)
      const { current, maybeCurrent, evidence, capture } = tenancy
      for (const ask of [current, maybeCurrent, evidence, capture]) await refusal('IMPERSONATION_ENDED', ask)
      const { details } = await refusal('IMPERSONATION_ENDED', () => tenancy.run(acme, current))
      expect(details).toMatchObject({ tenant: 'acme', actor: 'jane' })
    })
  })

  it('ends on time though the clock of the wall is set back', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] })
    const { tenancy, asJane } = make()
    await asJane(async () => {
      vi.setSystemTime(Date.now() - 86_400_000)
      vi.advanceTimersByTime(1000)
      await refusal('IMPERSONATION_ENDED', tenancy.current)
    })
  })

  it('does not begin when the audit took longer than it may last', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] })
    let done = 0
    const { asJane } = make({ audit: async () => void vi.advanceTimersByTime(2000) })
    await refusal('IMPERSONATION_ENDED', () =>
      asJane(() => {
        done += 1
      }),
    )
    expect(done).toBe(0)
  })

  it('ends with its work, for callbacks that were kept too', async () => {
    const { tenancy, asJane } = make()
    const kept = await asJane(() => tenancy.bind(tenancy.current))
    await refusal('IMPERSONATION_ENDED', kept)
    expect(tenancy.maybeCurrent()).toBeUndefined()
  })

  it('is not prolonged: a second entry inside keeps its end and its actors', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] })
    const { tenancy, asJane } = make()
    await asJane(async () => {
      const inside = tenancy.run(acme, () => tenancy.bind(tenancy.evidence))
      expect(inside()).toMatchObject({ by: 'impersonation', ...jane })
      await refusal('TENANT_SWITCHED', () => asJane(() => 'never', { duration: 9000 }))
      await refusal('TENANT_SWITCHED', () => tenancy.runAsSystem(access, () => 'never'))
      await refusal('SYSTEM_SCOPE_REQUIRED', tenancy.system)
      vi.advanceTimersByTime(1000)
      await refusal('IMPERSONATION_ENDED', inside)
    })
  })

  it('is not begun inside a tenant’s unit of work; from the system scope it is', async () => {
    const { tenancy, asJane, entries } = make()
    for (const tenant of [acme, beta])
      await refusal('TENANT_SWITCHED', () => tenancy.run(tenant, () => asJane(() => 'never')))
    expect(entries).toEqual([])
    const seen = await tenancy.runAsSystem(access, () => asJane(tenancy.evidence))
    expect(seen).toMatchObject({ by: 'impersonation', ...jane })
    expect(entries.map(({ action }) => action)).toEqual(['system.enter', 'tenant.impersonate'])
  })

  it('of a suspended tenant is refused', async () => {
    const { asJane, entries } = make()
    await refusal('TENANT_SUSPENDED', () => asJane(() => 'never', { tenant: { ...acme, status: 'suspended' } }))
    expect(entries).toEqual([])
  })

  it.each([
    ...[{ actor: '' }, { actor: ' ' }, { as: '' }, { reason: '' }, { reason: 'x'.repeat(501) }, { as: 7 }],
    ...[{ duration: 0 }, { duration: 1.5 }, { duration: 3_600_001 }, { duration: Number.NaN }, { duration: '9' }],
  ])('is refused with %j', async change => {
    const { details } = await refusal('ARGUMENT_INVALID', () => make().asJane(() => 'never', change as object))
    expect(details.field).toBe(Object.keys(change)[0])
  })
})

describe('P5 X16 a job that was made in an impersonation', () => {
  it('is done by the same two actors, and written to the audit again', async () => {
    const { tenancy, entries, asJane } = make()
    const job = JSON.parse(JSON.stringify(await asJane(tenancy.capture)))
    const until = job.impersonation.until
    expect(job).toEqual({ v: 2, tenant: 'acme', impersonation: { ...jane, until } })
    expect(await tenancy.resume(job, tenancy.evidence)).toEqual({ by: 'impersonation', ...jane, until })
    expect(entries.map(({ details }) => details)).toEqual([
      { as: jane.as, until },
      { as: jane.as, until, resumed: true },
    ])
    await refusal('TENANT_SWITCHED', () => tenancy.run(acme, () => tenancy.resume(job, () => 'never')))
  })

  it('is refused behind the end, and when it says that it lasts longer than any may', async () => {
    const { tenancy, entries } = make()
    const job = (until: unknown, more: object = {}) => ({
      v: 2,
      tenant: 'acme',
      impersonation: { ...jane, until, ...more },
    })
    const never = () => 'never'
    await refusal('IMPERSONATION_ENDED', () => tenancy.resume(job(Date.now() - 1), never))
    for (const wrong of [
      job(Date.now() + 3_700_000),
      job('soon'),
      job(Date.now() + 500, { as: '' }),
      job(1, { more: 1 }),
    ]) {
      await refusal('ENVELOPE_INVALID', () => tenancy.resume(wrong, never))
    }
    expect(entries).toEqual([])
  })
})
