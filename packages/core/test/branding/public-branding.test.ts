import { describe, expect, it } from 'vitest'
import {
  createTenancy,
  makeBranding,
  memoryRegistry,
  publicBranding,
  type TenantKey,
  type TenantRegistry,
} from '../../src/index.ts'
import { recorder, refusal } from '../support.ts'

const branding = (primaryColor: string) => ({ branding: { primaryColor } })

function make() {
  const registry = memoryRegistry([
    {
      slug: 'acme',
      name: 'Acme',
      domains: ['login.acme.org'],
      settings: { ...branding('#0f766e'), plan: 'secret plan' },
    },
    { slug: 'held', name: 'Held', status: 'suspended', settings: branding('#b91c1c') },
    { slug: 'gone', name: 'Gone', status: 'archived', settings: branding('#111111') },
    { slug: 'going', name: 'Going', status: 'deprovisioning', settings: { branding: { customCss: '</style>' } } },
  ])
  const asked: TenantKey[] = []
  const watched: TenantRegistry = {
    ...registry,
    find(key) {
      asked.push(key)
      return registry.find(key)
    },
  }
  return { watched, asked }
}
const slug = (value: string): TenantKey => ({ kind: 'slug', value })

describe('C04 A35 publicBranding', () => {
  it('gives the looks of a tenant by a hint, frozen, and nothing else of it', async () => {
    const { watched } = make()
    const brand = await publicBranding(watched, slug('acme'))
    expect(brand).toEqual({ companyName: 'Acme', primaryColor: '#0f766e', defaultLocale: 'en' })
    expect(Object.isFrozen(brand)).toBe(true)
    expect(await publicBranding(watched, { kind: 'domain', value: 'LOGIN.acme.org' })).toEqual(brand)
    expect(JSON.stringify(brand)).not.toContain('secret')
  })

  it('enters nothing: behind it there is no tenant', async () => {
    const { watched } = make()
    const tenancy = createTenancy({ registry: watched, logger: recorder() })
    await publicBranding(watched, slug('acme'))
    expect(tenancy.maybeCurrent()).toBeUndefined()
  })

  it('E13 gives the very same for unknown, archived, erased and hidden tenants, asked in the same way', async () => {
    const { watched, asked } = make()
    const neutral = makeBranding('Porta')
    for (const options of [{}, { neutral }]) {
      const unknown = await publicBranding(watched, slug('nobody'), options)
      for (const name of ['gone', 'going']) expect(await publicBranding(watched, slug(name), options)).toBe(unknown)
      expect(await publicBranding(watched, slug('held'), { ...options, hideSuspended: true })).toBe(unknown)
      expect(unknown).toMatchObject({ companyName: options.neutral === undefined ? '' : 'Porta' })
    }
    expect(asked.map(({ value }) => value)).toEqual([
      'nobody',
      'gone',
      'going',
      'held',
      'nobody',
      'gone',
      'going',
      'held',
    ])
    expect((await publicBranding(watched, slug('held'))).primaryColor).toBe('#b91c1c')
  })

  it('E13 a hint that is no name is nobody’s, and the registry is not asked', async () => {
    const { watched, asked } = make()
    const unknown = await publicBranding(watched, slug('nobody'))
    asked.length = 0
    for (const value of ['', '../acme', "' or 1=1 --", 'acme\u0000', 'ａｃｍｅ', 'x'.repeat(64), 'xn--acme', 'a.b']) {
      expect(await publicBranding(watched, slug(value))).toBe(unknown)
    }
    expect(asked).toEqual([])
  })

  it('a registry that breaks is not taken for one without the tenant', async () => {
    const broken = new Error('connection refused')
    const { watched } = make()
    await expect(publicBranding({ ...watched, find: () => Promise.reject(broken) }, slug('acme'))).rejects.toBe(broken)
    const lying: TenantRegistry = { ...watched, find: () => watched.find(slug('acme')) }
    await refusal('CONFIG_INVALID', () => publicBranding(lying, slug('beta')))
  })
})
