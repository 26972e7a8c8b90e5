import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryRegistry, type Tenant, type TenantInput } from '../src/index.ts'
import { refusal } from './support.ts'

const acme = { id: 'acme', slug: 'acme', name: 'Acme', domains: ['acme.org', 'acme.com'] }
const find = (registry: ReturnType<typeof memoryRegistry>, kind: 'id' | 'slug' | 'domain', value: string) =>
  (registry.find({ kind, value }) as Tenant | undefined)?.id

describe('memoryRegistry', () => {
  it('finds by id exactly, by slug and domain without regard to case', () => {
    const registry = memoryRegistry([acme])
    for (const [kind, value] of [
      ['id', 'acme'],
      ['slug', 'ACME'],
      ['domain', 'Acme.ORG'],
      ['domain', 'acme.com'],
    ] as const) {
      expect(find(registry, kind, value)).toBe('acme')
    }
    for (const [kind, value] of [
      ['id', 'ACME'],
      ['slug', 'acme.org'],
      ['domain', 'acme'],
      ['id', 'acme.org'],
    ] as const) {
      expect(find(registry, kind, value)).toBeUndefined()
    }
  })

  it('A09 never finds by name', () => {
    expect(find(memoryRegistry([{ ...acme, name: 'zenith' }]), 'slug', 'zenith')).toBeUndefined()
  })

  it.each<[string, Partial<TenantInput>, string]>([
    ['id', { slug: 'b', domains: [] }, 'acme'],
    ['id', { id: 'ACME', slug: 'b', domains: [] }, 'ACME'],
    ['slug', { id: 'b', domains: [] }, 'acme'],
    ['domain', { id: 'b', slug: 'b', domains: ['b.org', 'ACME.com.'] }, 'acme.com'],
  ])('C08 refuses a second tenant with the same %s', async (field, change, value) => {
    const registry = memoryRegistry([acme])
    const { details } = await refusal('TENANT_EXISTS', () => registry.add({ ...acme, ...change }))
    expect(details).toEqual({ field, value })
    expect(find(registry, 'slug', 'b')).toBeUndefined()
    expect(find(registry, 'domain', 'b.org')).toBeUndefined()
  })

  it.each(['isDefault', 'isControl'] as const)('C17 has at most one tenant with %s', async flag => {
    const registry = memoryRegistry([{ ...acme, [flag]: true }])
    await refusal('TENANT_EXISTS', () => registry.add({ id: 'b', slug: 'b', name: 'B', [flag]: true }))
    registry.update('acme', { [flag]: false })
    expect(registry.add({ id: 'b', slug: 'b', name: 'B', [flag]: true })[flag]).toBe(true)
  })

  it('finds the default tenant, where there is one', () => {
    expect(memoryRegistry([acme]).findDefault()).toBeUndefined()
    expect(memoryRegistry([acme, { id: 'b', slug: 'b', name: 'B', isDefault: true }]).findDefault()).toMatchObject({
      id: 'b',
    })
  })

  it('an update raises the version, and frees the old domains; a slug is never given again', async () => {
    const registry = memoryRegistry([acme])
    expect(registry.update('acme', { slug: 'zenith', domains: ['acme.com', 'zenith.org'] })).toMatchObject({
      version: 2,
    })
    expect(['acme', 'zenith'].map(slug => find(registry, 'slug', slug))).toEqual([undefined, 'acme'])
    expect(['acme.org', 'acme.com', 'zenith.org'].map(name => find(registry, 'domain', name))).toEqual([
      undefined,
      'acme',
      'acme',
    ])
    await refusal('TENANT_EXISTS', () => registry.add({ id: 'new', slug: 'acme', name: 'New' }))
    expect(registry.add({ id: 'new', slug: 'new', name: 'New', domains: ['acme.org'] }).id).toBe('new')
  })

  it('an update that is refused changes nothing', async () => {
    const registry = memoryRegistry([acme, { id: 'b', slug: 'b', name: 'B', domains: ['b.org'] }])
    const before = registry.find({ kind: 'id', value: 'acme' })
    await refusal('TENANT_EXISTS', () => registry.update('acme', { slug: 'new', domains: ['new.org', 'b.org'] }))
    await refusal('INPUT_INVALID', () => registry.update('acme', { slug: 'New' }))
    expect(registry.find({ kind: 'id', value: 'acme' })).toBe(before)
    expect(find(registry, 'slug', 'new')).toBeUndefined()
    expect(find(registry, 'domain', 'acme.org')).toBe('acme')
  })

  it('an update from another version is refused', async () => {
    const registry = memoryRegistry([acme])
    registry.update('acme', { name: 'Acme 2' }, 1)
    const { details } = await refusal('VERSION_CONFLICT', () => registry.update('acme', { name: 'Acme 3' }, 1))
    expect(details).toEqual({ tenant: 'acme', expected: 1, actual: 2 })
    expect(registry.find({ kind: 'id', value: 'acme' })).toMatchObject({ name: 'Acme 2' })
  })

  it('A13 an update never changes the id', async () => {
    const registry = memoryRegistry([acme])
    expect(registry.update('acme', { id: 'other' } as object).id).toBe('acme')
    await refusal('TENANT_NOT_FOUND', () => registry.update('other', { name: 'Other' }))
  })

  it('hands out frozen snapshots that later changes do not touch', () => {
    const settings = { theme: { colour: 'red' } }
    const registry = memoryRegistry()
    const tenant = registry.add({ ...acme, settings })
    settings.theme.colour = 'blue'
    registry.update('acme', { settings: { theme: { colour: 'green' } } })
    expect(tenant.settings).toEqual({ theme: { colour: 'red' } })
    expect([tenant, tenant.settings, tenant.settings.theme].every(Object.isFrozen)).toBe(true)
    expect(tenant).not.toHaveProperty('domains')
  })

  it('A05 lists teams, customers and stages alike, of every status, in the order of their ids', async () => {
    const registry = memoryRegistry([
      { id: 'c', slug: 'stage', name: 'Stage', status: 'archived', settings: { kind: 'env' } },
      { id: 'a', slug: 'team', name: 'Team', settings: { kind: 'team' } },
      { id: 'B', slug: 'customer', name: 'Customer', settings: { kind: 'customer' } },
    ])
    const ids: string[] = []
    for await (const { id } of registry.list()) ids.push(id)
    expect(ids).toEqual(['B', 'a', 'c'])
  })

  it('is, after any changes, what a plain list would be', () => {
    const word = fc.constantFrom('a', 'b', 'c', 'd', 'A')
    const change = fc.record({
      id: word,
      slug: word.map(text => text.toLowerCase()),
      domain: word.map(text => `${text}.org`),
      adds: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), changes => {
        const registry = memoryRegistry()
        let model: { id: string; slug: string; domain: string }[] = []
        const given = new Map<string, string>()
        for (const { adds, ...wanted } of changes) {
          const next = { ...wanted, domain: wanted.domain.toLowerCase() }
          const others = model.filter(({ id }) => adds || id !== next.id)
          const exists = model.some(({ id }) => id === next.id)
          const taken =
            (given.get(next.slug) ?? next.id) !== next.id ||
            others.some(one => one.id.toLowerCase() === next.id.toLowerCase() || one.domain === next.domain)
          const input = { slug: next.slug, name: 'Any', domains: [wanted.domain] }
          const act = () => (adds ? registry.add({ ...input, id: next.id }) : registry.update(next.id, input))
          if (taken || (!adds && !exists)) expect(act).toThrow()
          else {
            act()
            given.set(next.slug, next.id)
            model = [...others, next]
          }
          for (const value of ['a', 'b', 'c', 'd']) {
            expect(find(registry, 'slug', value)).toBe(model.find(({ slug }) => slug === value)?.id)
            expect(find(registry, 'domain', `${value}.org`)).toBe(
              model.find(({ domain }) => domain === `${value}.org`)?.id,
            )
          }
        }
      }),
    )
  })
})
