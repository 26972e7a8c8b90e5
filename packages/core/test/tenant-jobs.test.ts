import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { createTenancy, memoryRegistry, secret, type Tenant, tenantJobs } from '../src/index.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const registry = memoryRegistry(['acme', 'globex'].map(id => ({ id, slug: id, name: id })))
const tenancy = createTenancy({ registry, logger: silent })
const [acme, globex] = ['acme', 'globex'].map(value => registry.find({ kind: 'id', value })) as [Tenant, Tenant]
const key = secret('k'.repeat(32))
const signed = tenantJobs(tenancy, { key })
const invalid = expect.objectContaining({ code: 'ENVELOPE_INVALID', status: 400 })
const where = () => tenancy.maybeCurrent()?.id
/** As a queue keeps it, with the names in another order. */
const queued = (job: object) => JSON.parse(JSON.stringify(Object.fromEntries(Object.entries(job).reverse())))

describe('jobs of tenants', () => {
  it.each([
    ['unsigned', tenantJobs(tenancy)],
    ['signed', signed],
  ])('C39 X16 %s, run as the tenant that made them, with their payload', async (_, jobs) => {
    const made = tenancy.run(acme, () => jobs.carry({ to: ['a', { b: 1 }], at: undefined }))
    const seen = await jobs.run(queued(made), async payload => {
      await new Promise(setImmediate)
      return [where(), payload, tenancy.evidence().by]
    })
    expect(seen).toEqual(['acme', { to: ['a', { b: 1 }] }, 'resume'])
  })

  it('X16 of one tenant run in a worker that another started', async () => {
    const made = tenancy.run(acme, () => signed.carry(1))
    expect(await tenancy.run(globex, () => signed.run(made, where))).toBe('acme')
  })

  it('are made by tenants only', () => {
    expect(() => signed.carry(1)).toThrow(expect.objectContaining({ code: 'TENANT_CONTEXT_MISSING' }))
  })

  it.each<[string, (job: Record<string, unknown>, other: Record<string, unknown>) => unknown]>([
    ['of another tenant', job => ({ ...job, tenant: { v: 1, tenant: 'globex' } })],
    ['with another job’s tenant', (job, other) => ({ ...job, tenant: other['tenant'] })],
    ['with another payload', job => ({ ...job, payload: { to: 'mallory' } })],
    ['with the payload left out', ({ payload: _, ...job }) => job],
    ['with another job’s signature', (job, other) => ({ ...job, signature: other['signature'] })],
    ['without a signature', ({ signature: _, ...job }) => job],
    ['with an empty signature', job => ({ ...job, signature: '' })],
    ['with a shorter signature', job => ({ ...job, signature: String(job['signature']).slice(0, -2) })],
    ['with a signature that is no text', job => ({ ...job, signature: [job['signature']] })],
    ['without an envelope', ({ tenant: _, ...job }) => job],
    ['that is nothing', () => null],
    ['that is a text', job => JSON.stringify(job)],
  ])('X16 refuses a job %s, and does not begin it', async (_, change) => {
    const fn = vi.fn()
    const [job, other] = [acme, globex].map(tenant => queued(tenancy.run(tenant, () => signed.carry({ to: 'ada' }))))
    await expect(signed.run(change(job, other), fn)).rejects.toEqual(invalid)
    expect(fn).not.toHaveBeenCalled()
    expect(await signed.run(job, where)).toBe('acme')
  })

  it('X16 refuses a job that is signed with another key, and one that it cannot check', async () => {
    const other = tenantJobs(tenancy, { key: secret('o'.repeat(32)) })
    const made = tenancy.run(acme, () => other.carry(1))
    await expect(signed.run(made, where)).rejects.toEqual(invalid)
    await expect(tenantJobs(tenancy).run(made, where)).rejects.toEqual(invalid)
    // While keys change, both are accepted, and the new one signs.
    const both = tenantJobs(tenancy, { key: [key, secret('o'.repeat(32))] })
    expect(await both.run(made, where)).toBe('acme')
    expect(
      await signed.run(
        tenancy.run(acme, () => both.carry(1)),
        where,
      ),
    ).toBe('acme')
  })

  it('L8 are refused once their tenant is suspended or gone', async () => {
    const fn = vi.fn()
    const { id } = registry.add({ slug: 'third', name: 'Third' })
    const made = tenancy.run(registry.find({ kind: 'id', value: id }) as Tenant, () => signed.carry(1))
    registry.update(id, { status: 'suspended' })
    await expect(signed.run(made, fn)).rejects.toMatchObject({ code: 'TENANT_SUSPENDED' })
    registry.remove(id)
    await expect(signed.run(made, fn)).rejects.toMatchObject({ code: 'TENANT_NOT_FOUND' })
    expect(fn).not.toHaveBeenCalled()
  })

  it('X16 a signature fits whatever JSON carries, however it is ordered', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async payload => {
        const made = queued(tenancy.run(acme, () => signed.carry(payload)))
        expect(await signed.run(made, seen => seen)).toEqual(JSON.parse(JSON.stringify(payload)))
      }),
    )
  })

  it('refuses a short key, and a payload that JSON cannot carry; the key is nowhere to be seen', () => {
    const short = () => tenantJobs(tenancy, { key: [key, secret('short')] })
    expect(short).toThrow(
      expect.objectContaining({ code: 'ARGUMENT_INVALID', details: expect.objectContaining({ field: 'key' }) }),
    )
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    const carried = () => tenancy.run(acme, () => signed.carry(circle))
    expect(carried).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
    const shown = inspect([signed, tenancy.run(acme, () => signed.carry(1))], { depth: 9 })
    expect(shown).not.toContain('kkkk')
  })
})
