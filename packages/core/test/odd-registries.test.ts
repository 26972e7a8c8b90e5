import { describe, expect, it } from 'vitest'
import { createTenancy, path, type Tenant, type TenantRegistry } from '../src/index.ts'
import { recorder, refusal, request } from './support.ts'

const plain: Tenant = {
  ...{ id: 'acme', slug: 'acme', name: 'Acme', status: 'active', placement: {}, settings: {} },
  ...{ isDefault: false, isControl: false, version: 1 },
}

function tenancyOver(answer: unknown) {
  const registry = {
    find: () => answer,
    findDefault: () => answer,
    list: async function* () {
      yield answer
    },
  } as TenantRegistry
  return createTenancy({ registry, resolvers: [path({ prefix: '/t' })], logger: recorder() })
}

describe('a registry in plain JavaScript', () => {
  it('may answer null for a tenant that it does not have', async () => {
    const tenancy = tenancyOver(null)
    await refusal('TENANT_NOT_FOUND', () => tenancy.resolve(request('/t/acme')))
    await refusal('TENANT_NOT_FOUND', () => tenancy.resume({ v: 1, tenant: 'acme' }, () => undefined))
  })

  it('C10 is not believed when it answers with another tenant', async () => {
    const tenancy = tenancyOver({ ...plain, id: 'globex', slug: 'globex' })
    await refusal('CONFIG_INVALID', () => tenancy.resolve(request('/t/acme')))
    await refusal('CONFIG_INVALID', () => tenancy.resume({ v: 1, tenant: 'acme' }, () => undefined))
  })

  it('may hand out class instances, whose fields are on the prototype', async () => {
    class Row {
      get id() {
        return 'acme'
      }
    }
    for (const [name, value] of Object.entries(plain)) {
      if (name !== 'id') Object.defineProperty(Row.prototype, name, { get: () => value })
    }
    const tenancy = tenancyOver(new Row())
    const tenant = await tenancy.resolve(request('/t/acme'))
    expect(tenant).toEqual(plain)
    expect(tenancy.run(tenant, tenancy.capture)).toEqual({ v: 1, tenant: 'acme' })
    const other = { ...plain, id: 'globex' }
    await refusal('TENANT_SWITCHED', () => tenancy.run(tenant, () => tenancy.run(other, () => undefined)))
  })

  it('is not served with a status that nobody knows', async () => {
    const tenancy = tenancyOver({ ...plain, status: 'enabled' })
    await refusal('TENANT_NOT_FOUND', () => tenancy.resolve(request('/t/acme')))
  })

  it.each([
    ['no id', { ...plain, id: undefined }],
    ['an id of another form', { ...plain, id: "x' or 1=1" }],
    ['settings that are no data', { ...plain, settings: { hook: () => undefined } }],
  ])('is refused with %s', async (_, tenant) => {
    await refusal('ARGUMENT_INVALID', () => tenancyOver(tenant).run(tenant as Tenant, () => undefined))
  })
})

describe('an async listener', () => {
  it('may fail without ending the process, and is heard of', async () => {
    const logger = recorder()
    const registry = { find: () => undefined } as unknown as TenantRegistry
    const tenancy = createTenancy({ registry, resolvers: [path({ prefix: '/t' })], logger })
    tenancy.on('refused', async () => {
      throw new Error('of the listener')
    })
    await refusal('TENANT_NOT_FOUND', () => tenancy.resolve(request('/t/acme')))
    await new Promise(setImmediate)
    expect(logger.records.filter(({ level }) => level === 'error')).toMatchObject([
      { message: 'A listener threw.', details: { error: 'Error: of the listener' } },
    ])
  })
})
