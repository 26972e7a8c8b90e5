import { setImmediate as immediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { type AuditEntry, type AuditLog, createTenancy, memoryRegistry, type Tenant } from '../src/index.ts'
import { gate, recorder, refusal } from './support.ts'

const registry = memoryRegistry()
const acme = registry.add({ id: 'acme', slug: 'acme', name: 'Acme' })
const beta = registry.add({ id: 'beta', slug: 'beta', name: 'Beta' })
const access = { actor: 'ops', reason: 'ticket 7' }

function make(audit?: AuditLog) {
  const entries: AuditEntry[] = []
  const log: AuditLog = audit ?? { audit: async entry => void entries.push(entry) }
  const logger = recorder()
  return { tenancy: createTenancy({ registry, logger, audit: log }), entries, logger }
}

describe('the system scope and the audit', () => {
  it('P4 P5 the entry is written before the work begins', async () => {
    const written = gate()
    const order: string[] = []
    const { tenancy } = make({
      async audit({ action }) {
        order.push(`${action} asked`)
        await written.opened
        order.push('written')
      },
    })
    const work = tenancy.runAsSystem(access, () => order.push('work'))
    await immediate()
    expect(order).toEqual(['system.enter asked'])
    written.open()
    await work
    expect(order).toEqual(['system.enter asked', 'written', 'work'])
  })

  it('P4 P5 what cannot be written is not done, logged as done, or told', async () => {
    const broken = new Error('the disk is full')
    const { tenancy, logger } = make({ audit: () => Promise.reject(broken) })
    let [done, told] = [0, 0]
    tenancy.on('system', () => {
      told += 1
    })
    const work = tenancy.runAsSystem(access, () => {
      done += 1
    })
    await expect(work).rejects.toBe(broken)
    expect([done, told, logger.records]).toEqual([0, 0, []])
  })

  it('P5 says from which tenant it was entered', async () => {
    const { tenancy, entries } = make()
    await tenancy.runAsSystem(access, () => undefined)
    await tenancy.run(acme, () => tenancy.runAsSystem(access, () => undefined))
    expect(entries).toEqual([
      { action: 'system.enter', ...access },
      { action: 'system.enter', ...access, details: { from: 'acme' } },
    ])
  })
})

describe('system()', () => {
  it('gives who looks across tenants, frozen, another at each entry, and says whether it is audited', async () => {
    const { tenancy } = make()
    const [one, other] = await Promise.all([0, 1].map(() => tenancy.runAsSystem(access, tenancy.system)))
    expect(one).toEqual({ ...access, isAudited: true })
    expect(Object.isFrozen(one)).toBe(true)
    expect(one).not.toBe(other)
    const silent = createTenancy({ registry, logger: recorder() })
    expect((await silent.runAsSystem(access, silent.system)).isAudited).toBe(false)
  })

  it('P12 refuses outside, in a tenant, in a tenant inside of it, and once the work is over', async () => {
    const { tenancy } = make()
    const scopeOf = async (fn: () => unknown) => (await refusal('SYSTEM_SCOPE_REQUIRED', fn)).details.scope
    expect(await scopeOf(tenancy.system)).toBe('none')
    expect(await scopeOf(() => tenancy.run(acme, tenancy.system))).toBe('tenant')
    expect(await scopeOf(() => tenancy.runAsSystem(access, () => tenancy.run(acme, tenancy.system)))).toBe('tenant')
    const bound = await tenancy.runAsSystem(access, () => tenancy.bind(tenancy.system))
    expect(await scopeOf(bound)).toBe('ended')
    const failed: { late?: () => unknown } = {}
    await expect(
      tenancy.runAsSystem(access, () => {
        failed.late = tenancy.bind(tenancy.system)
        throw new Error('planned')
      }),
    ).rejects.toThrow('planned')
    expect(await scopeOf(() => failed.late?.())).toBe('ended')
  })
})

describe('evidence()', () => {
  it('says how a unit of work came to its tenant, and is frozen', async () => {
    const { tenancy } = make()
    const seen = [
      tenancy.run(acme, tenancy.evidence),
      await tenancy.resume({ v: 1, tenant: 'acme' }, tenancy.evidence),
      await tenancy.runAsSystem(access, tenancy.evidence),
      await tenancy.runAsSystem(access, () => tenancy.run(acme, tenancy.evidence)),
      await tenancy.runAsSystem(access, () => tenancy.resume({ v: 1, tenant: 'acme' }, tenancy.evidence)),
    ]
    const system = { by: 'system', ...access }
    expect(seen).toEqual([{ by: 'run' }, { by: 'resume' }, system, system, system])
    expect(seen.every(Object.isFrozen)).toBe(true)
  })

  it('stays that of the outermost entry, while the tenant is the newest', async () => {
    const { tenancy } = make()
    const newer: Tenant = { ...acme, version: 2 }
    const [evidence, version] = tenancy.run(acme, () =>
      tenancy.run(newer, () => [tenancy.evidence(), tenancy.current().version]),
    )
    expect([evidence, version]).toEqual([{ by: 'run' }, 2])
    const again = await tenancy.resume({ v: 1, tenant: 'acme' }, () => tenancy.run(acme, tenancy.evidence))
    expect(again).toEqual({ by: 'resume' })
    await tenancy.run(acme, () =>
      tenancy.runAsSystem(access, () => tenancy.run(beta, () => expect(tenancy.evidence().by).toBe('system'))),
    )
  })

  it('there is none outside, nor behind the end of the system scope', async () => {
    const { tenancy } = make()
    await refusal('TENANT_CONTEXT_MISSING', tenancy.evidence)
    await refusal('TENANT_CONTEXT_MISSING', await tenancy.runAsSystem(access, () => tenancy.bind(tenancy.evidence)))
  })
})
