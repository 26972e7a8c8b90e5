import { describe, expect, it } from 'vitest'
import { createTenancy, header, memoryRegistry, problemOf, TenancyError, type TenantStatus } from '../src/index.ts'
import { recorder, refusal, request } from './support.ts'

const refused = [
  ['provisioning', 'TENANT_NOT_READY', 503],
  ['failed', 'TENANT_NOT_READY', 503],
  ['suspended', 'TENANT_SUSPENDED', 403],
  ['archived', 'TENANT_NOT_FOUND', 404],
  ['deprovisioning', 'TENANT_NOT_FOUND', 404],
  ['a status from the future', 'TENANT_NOT_FOUND', 404],
] as const

function world(status: string, hideSuspended = false) {
  const stored = memoryRegistry([{ id: 'acme', slug: 'acme', name: 'Acme', isDefault: true }])
  const as = <T extends object | undefined>(tenant: T) => (tenant && { ...tenant, status: status as TenantStatus }) as T
  const registry = {
    find: async (key: Parameters<typeof stored.find>[0]) => as(await stored.find(key)),
    findDefault: async () => as(await stored.findDefault()),
    list: stored.list,
  }
  const options = { registry, resolvers: [header({ trusted: true })], logger: recorder(), hideSuspended }
  return { tenancy: createTenancy(options), options, registry }
}
const toAcme = request('/', { 'x-tenant-id': 'acme' })

describe('status check', () => {
  it.each(refused)('P12 resolve refuses a tenant that is %s with %s', async (status, code, http) => {
    const error = await refusal(code, () => world(status).tenancy.resolve(toAcme))
    expect(error.status).toBe(http)
    expect(await world(status).tenancy.explain(toAcme)).toMatchObject({ outcome: 'inactive', code })
  })

  it.each(refused)('P12 resolve refuses a default tenant that is %s with %s', async (status, code) => {
    const tenancy = createTenancy({ ...world(status).options, onUnresolved: 'default' })
    await refusal(code, () => tenancy.resolve(request()))
  })

  it.each(refused)('P12 run refuses a tenant that is %s with %s, and the work does not begin', async (status, code) => {
    const { tenancy, registry } = world(status)
    const tenant = await registry.findDefault()
    let began = false
    await refusal(
      code,
      () =>
        tenant &&
        tenancy.run(tenant, () => {
          began = true
        }),
    )
    expect(began).toBe(false)
  })

  it.each(refused)(
    'P12 resume refuses a tenant that is %s with %s, and the job does not begin',
    async (status, code) => {
      let began = false
      await refusal(code, () =>
        world(status).tenancy.resume({ v: 1, tenant: 'acme' }, () => {
          began = true
        }),
      )
      expect(began).toBe(false)
    },
  )

  it('P11 an active tenant is served by all of them', async () => {
    const { tenancy } = world('active')
    const tenant = await tenancy.resolve(toAcme)
    expect(tenancy.run(tenant, () => tenancy.current().id)).toBe('acme')
    expect(await tenancy.resume({ v: 1, tenant: 'acme' }, () => tenancy.current().id)).toBe('acme')
  })

  it('hideSuspended shows a suspended tenant as an unknown one, everywhere', async () => {
    const { tenancy, registry } = world('suspended', true)
    const tenant = await registry.findDefault()
    await refusal('TENANT_NOT_FOUND', () => tenancy.resolve(toAcme))
    await refusal('TENANT_NOT_FOUND', () => tenant && tenancy.run(tenant, () => 'never'))
    await refusal('TENANT_NOT_FOUND', () => tenancy.resume({ v: 1, tenant: 'acme' }, () => 'never'))
  })

  it.each([['archived'], ['deprovisioning']])(
    'P13 a tenant that is %s answers byte for byte as an unknown one',
    async status => {
      const hidden = await refusal('TENANT_NOT_FOUND', () => world(status).tenancy.resolve(toAcme))
      const unknown = await refusal('TENANT_NOT_FOUND', () =>
        world('active').tenancy.resolve(request('/', { 'x-tenant-id': 'ghost' })),
      )
      expect(JSON.stringify(problemOf(hidden))).toBe(JSON.stringify(problemOf(unknown)))
      expect(JSON.stringify(problemOf(hidden))).toBe(
        JSON.stringify(problemOf(new TenancyError('TENANT_NOT_FOUND', { key: 'any' }))),
      )
    },
  )
})
