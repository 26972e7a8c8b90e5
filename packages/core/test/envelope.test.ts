import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTenancy, memoryRegistry } from '../src/index.ts'
import { recorder, refusal } from './support.ts'

function make() {
  const registry = memoryRegistry()
  const acme = registry.add({ id: 'acme', slug: 'acme', name: 'Acme', placement: { schema: 't_acme' } })
  const beta = registry.add({ id: 'beta', slug: 'beta', name: 'Beta' })
  return { registry, acme, beta, tenancy: createTenancy({ registry, logger: recorder() }) }
}

describe('capture and resume', () => {
  it('C39 carry nothing but the id, through JSON', async () => {
    const { tenancy, acme } = make()
    const job = JSON.stringify(tenancy.run(acme, tenancy.capture))
    expect(job).toBe('{"v":1,"tenant":"acme"}')
    expect(await tenancy.resume(JSON.parse(job), async () => tenancy.current())).toBe(acme)
    expect(tenancy.maybeCurrent()).toBeUndefined()
  })

  it('C39 read the tenant again: a suspended one is refused, a changed one is the new one', async () => {
    const { tenancy, acme, registry } = make()
    const job = tenancy.run(acme, tenancy.capture)
    registry.update('acme', { slug: 'zenith' })
    expect(await tenancy.resume(job, () => tenancy.current())).toMatchObject({ slug: 'zenith', version: 2 })
    registry.update('acme', { status: 'suspended' })
    await refusal('TENANT_SUSPENDED', () => tenancy.resume(job, () => 'never'))
  })

  it.each([
    ...[
      undefined,
      null,
      'acme',
      1,
      [],
      {},
      { tenant: 'acme' },
      { v: 1 },
      { v: 2, tenant: 'acme' },
      { v: '1', tenant: 'acme' },
    ],
    ...[
      { v: 1, tenant: 'acme', status: 'active' },
      { v: 1, tenant: '../acme' },
      { v: 1, tenant: '' },
      { v: 1, tenant: ['acme'] },
    ],
  ])('X16 refuse %j', async envelope => {
    await refusal('ENVELOPE_INVALID', () => make().tenancy.resume(envelope, () => 'never'))
  })

  it('X16 refuse whatever is not an envelope, with one code', async () => {
    const { tenancy } = make()
    await fc.assert(
      fc.asyncProperty(fc.anything(), async envelope => {
        await refusal('ENVELOPE_INVALID', () => tenancy.resume(envelope, () => 'never'))
      }),
    )
  })

  it('an unknown tenant is not found', async () => {
    await refusal('TENANT_NOT_FOUND', () => make().tenancy.resume({ v: 1, tenant: 'ghost' }, () => 'never'))
  })

  it('X16 a job of one tenant is not resumed inside another, also one after the other', async () => {
    const { tenancy, beta } = make()
    await tenancy.run(beta, () =>
      refusal('TENANT_SWITCHED', () => tenancy.resume({ v: 1, tenant: 'acme' }, () => 'never')),
    )
    const seen: string[] = []
    for (const tenant of ['acme', 'beta', 'acme']) {
      await tenancy.resume({ v: 1, tenant }, async () => seen.push(tenancy.current().id))
    }
    expect(seen).toEqual(['acme', 'beta', 'acme'])
  })

  it('a registry that breaks propagates', async () => {
    const broken = new Error('connection refused')
    const registry = { ...memoryRegistry(), find: () => Promise.reject(broken) }
    const tenancy = createTenancy({ registry, logger: recorder() })
    await expect(tenancy.resume({ v: 1, tenant: 'acme' }, () => 'never')).rejects.toBe(broken)
  })
})
