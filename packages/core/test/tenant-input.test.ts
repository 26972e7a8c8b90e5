import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryRegistry, reservedSlugs } from '../src/index.ts'
import { checkTenantInput, domainSchema, slugSchema, tenantIdSchema } from '../src/tenant-input.ts'
import { refusal } from './support.ts'

const labelCharacters = [...'abcdefghijklmnopqrstuvwxyz0123456789-']
const label = fc.string({ unit: fc.constantFrom(...labelCharacters), minLength: 1, maxLength: 63 })

describe('tenant ids', () => {
  it.each(['acme_corp', 'A-1', '0', '_', '-', 'x'.repeat(64), 'ask_me', 'acme_SK_x'])('I03 accepts %s', id => {
    expect(tenantIdSchema.safeParse(id).success).toBe(true)
  })
  it.each(['', 'x'.repeat(65), 'a b', 'a.b', 'a/b', 'é', 'a\n', 'a\0', 'a_sk_b', '_sk_', '../a', 1, null])(
    'I03 refuses %j',
    id => expect(tenantIdSchema.safeParse(id).success).toBe(false),
  )
  it('I03 accepts a string exactly when it obeys the rule', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 70 }), id => {
        const obeys = /^[A-Za-z0-9_-]+$/.test(id) && id.length <= 64 && !id.includes('_sk_') && !id.includes('\n')
        expect(tenantIdSchema.safeParse(id).success).toBe(obeys)
      }),
    )
  })
})

describe('slugs', () => {
  it.each(['acme-eu', 'a', '0', 'a--b', 'x'.repeat(63)])('A08 accepts %s', slug => {
    expect(slugSchema.parse(slug)).toBe(slug)
  })
  it.each([
    ...['', 'Acme', 'a_b', '-a', 'a-', 'a.b', 'x'.repeat(64), 'xn--caf-dma', 'café', 'a b', 'a\n'],
    ...['ⓐcme', 'аcme', 'ac\u200bme', '\u212Aelvin', 'acme%20', '%61cme', 'a;b', 'a/b', 'a\\b'],
  ])('A08 refuses %j', slug => expect(slugSchema.safeParse(slug).success).toBe(false))
  it.each(reservedSlugs)('refuses the reserved word %s', slug => {
    expect(slugSchema.safeParse(slug).error?.issues[0]?.message).toBe('is a reserved word')
  })
  it('A08 accepts a label exactly when it obeys RFC 1123', () => {
    fc.assert(
      fc.property(fc.oneof(label, fc.string({ unit: 'binary', maxLength: 70 })), slug => {
        const isLabel = slug.length <= 63 && /^[a-z0-9-]+$/.test(slug) && !/^-|-$|\n/.test(slug)
        const obeys = isLabel && !slug.startsWith('xn--') && !reservedSlugs.includes(slug)
        expect(slugSchema.safeParse(slug).success).toBe(obeys)
      }),
    )
  })
})

describe('domains', () => {
  it.each([
    ['Example.COM', 'example.com'],
    ['example.com.', 'example.com'],
    ['café.fr', 'xn--caf-dma.fr'],
    ['xn--caf-dma.fr', 'xn--caf-dma.fr'],
    ['localhost', 'localhost'],
    ['127.0.0.1', '127.0.0.1'],
  ])('reads %s as %s', (domain, canonical) => expect(domainSchema.parse(domain)).toBe(canonical))
  it.each([
    ...[
      '',
      '.',
      'a..b',
      'example.com:8080',
      'http://example.com',
      'example.com/path',
      'example.com?x',
      'example.com#x',
    ],
    ...[
      'a@example.com',
      'a\\b.com',
      'a b.com',
      'ex\tample.com',
      'ex%61mple.com',
      '-a.com',
      'a-.com',
      'a_b.com',
      '*.com',
    ],
    ...['127.1', '0x7f.1', '1', '１２７.1', 'a\u200bb.com', 'xn--a', `${'x'.repeat(64)}.com`, `${'a.'.repeat(127)}com`],
  ])('refuses %j', domain => expect(domainSchema.safeParse(domain).success).toBe(false))
  it('gives a name that it reads as the same name again, and never invents one for plain text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.domain(), fc.ipV4(), fc.string(), fc.string({ unit: 'binary' })), domain => {
        const parsed = domainSchema.safeParse(domain)
        if (!parsed.success) return
        expect(domainSchema.parse(parsed.data)).toBe(parsed.data)
        expect(parsed.data).toMatch(/^[a-z0-9.-]+$/)
        const isPlain = domain.length === Buffer.byteLength(domain)
        if (isPlain) expect(parsed.data).toBe(domain.toLowerCase().replace(/\.$/, ''))
      }),
    )
  })
})

describe('what an application says of a tenant', () => {
  it.each([
    [undefined, 'tenant', 'expected object'],
    [{ name: 'Acme' }, 'slug', 'DNS label'],
    [{ slug: 'acme' }, 'name', '1–200'],
    [{ slug: 'acme', name: '' }, 'name', '1–200'],
    [{ slug: 'acme', name: 'Acme', id: 'a b' }, 'id', '1–64'],
    [{ slug: 'acme', name: 'Acme', status: 'paused' }, 'status', 'one of'],
    [{ slug: 'acme', name: 'Acme', domains: ['a.com', 'b/c'] }, 'domains.1', 'host name'],
    [{ slug: 'acme', name: 'Acme', domains: 'a.com' }, 'domains', 'host name'],
    [{ slug: 'acme', name: 'Acme', isDefault: 'yes' }, 'isDefault', 'true or false'],
    [{ slug: 'acme', name: 'Acme', placement: { a: 1 } }, 'placement.a', 'texts'],
    [{ slug: 'acme', name: 'Acme', settings: { a: () => 1 } }, 'settings.a', 'JSON'],
  ])('names the field and the rule: %o', async (input, field, rule) => {
    const { details } = await refusal('INPUT_INVALID', () => checkTenantInput(input))
    expect(details.field).toBe(field)
    expect(details.rule).toContain(rule)
  })

  it('A09 keeps the name as it is, beside the slug; A10 needs no more', () => {
    const tenant = memoryRegistry().add({ slug: 'acme-eu', name: ' ACME Europe GmbH & Cie ' })
    expect(tenant).toMatchObject({ slug: 'acme-eu', name: ' ACME Europe GmbH & Cie ', status: 'active', version: 1 })
    expect(tenant).toMatchObject({ settings: {}, placement: {}, isDefault: false, isControl: false })
  })

  it('A13 makes an id that has nothing to do with the slug, and a rename keeps it', () => {
    const registry = memoryRegistry()
    const { id } = registry.add({ slug: 'acme', name: 'Acme' })
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(registry.update(id, { slug: 'zenith', name: 'Zenith' }).id).toBe(id)
  })
})
