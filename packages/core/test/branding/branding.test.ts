import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { brandingOf, brandingStyle, checkBranding, createTenancy, makeTenant, memoryRegistry } from '../../src/index.ts'
import { checkTenantInput } from '../../src/tenant-input.ts'
import { recorder, refusal } from '../support.ts'

const tenantWith = (branding?: object) =>
  makeTenant(checkTenantInput({ slug: 'acme', name: 'Acme', settings: branding === undefined ? {} : { branding } }))

async function refused(input: unknown, field: string): Promise<void> {
  const { details } = await refusal('INPUT_INVALID', () => checkBranding(input))
  expect(details.field).toBe(field)
}

describe('branding', () => {
  it('A11 is kept with the tenant, by a colour alone or with a logo, and read back frozen', () => {
    const color = checkBranding({ primaryColor: '#0f766e' })
    const both = checkBranding({ primaryColor: '#0F766E', logoUrl: 'https://cdn.example.com/a.png?v=2' })
    expect(brandingOf(tenantWith(color))).toEqual({ companyName: 'Acme', primaryColor: '#0f766e', defaultLocale: 'en' })
    const read = brandingOf(tenantWith(both))
    expect(read).toMatchObject({ primaryColor: '#0F766E', logoUrl: 'https://cdn.example.com/a.png?v=2' })
    expect([Object.isFrozen(read), Object.isFrozen(both)]).toEqual([true, true])
  })

  it('P25 P27 falls back to the tenant’s name, to English, and to a colour', () => {
    const plain = { companyName: 'Acme', primaryColor: '#3b82f6', defaultLocale: 'en' }
    expect([brandingOf(tenantWith()), brandingOf(tenantWith({}))]).toEqual([plain, plain])
    expect(brandingOf(tenantWith({ companyName: 'ACME Inc.' })).companyName).toBe('ACME Inc.')
  })

  it('A12 two tenants at once keep their own colours', async () => {
    const registry = memoryRegistry()
    const tenancy = createTenancy({ registry, logger: recorder() })
    const colors = Array.from({ length: 20 }, (_, n) => `#0000${(n + 16).toString(16)}`)
    const tenants = colors.map((primaryColor, n) =>
      registry.add({ slug: `t${n}`, name: `T ${n}`, settings: { branding: { primaryColor } } }),
    )
    const seen = await Promise.all(
      tenants.map(tenant =>
        tenancy.run(tenant, async () => {
          await new Promise(setImmediate)
          return brandingOf(tenancy.current()).primaryColor
        }),
      ),
    )
    expect(seen).toEqual(colors)
  })

  it.each(['logoUrl', 'faviconUrl'])('P22 P23 %s is an address of the web, and nothing else', async field => {
    for (const url of ['https://cdn.example.com/a.png', 'http://example.com:8080/', 'https://1.2.3.4/x?y=%22#z']) {
      expect(checkBranding({ [field]: url })).toEqual({ [field]: url })
    }
    const hostile = [
      ...[
        '',
        'javascript:alert(1)',
        'data:image/svg+xml,<svg onload=alert(1)>',
        '//cdn.example.com/a',
        'file:///etc/passwd',
      ],
      ...[
        'https://user:pass@example.com/',
        'https://user@example.com/',
        'https://e.com/"onerror="alert(1)',
        "https://e.com/'",
      ],
      ...['https://e.com/<script>', 'https://e.com/`', 'https://e.com/ a', 'https://e.com\\@f.com/', ' https://e.com/'],
      ...[
        'https://a;script-src/',
        'https://a,b/',
        "https://a'b/",
        'https:e.com',
        'HTTPS://e.com/\n',
        'https://e.com/\u0000',
      ],
      ...[`https://e.com/${'a'.repeat(2048)}`, 7, null, ['https://e.com/'], 'blob:https://e.com/1', 'https://[::1]/'],
    ]
    for (const url of hostile) await refused({ [field]: url }, field)
  })

  it('P24 the colour is #RRGGBB', async () => {
    await fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffff }), n => {
        const primaryColor = `#${n.toString(16).padStart(6, '0')}`
        expect(checkBranding({ primaryColor })).toEqual({ primaryColor })
      }),
    )
    for (const color of ['red', '#fff', '#12345g', '#1234567', ' #123456', '#123456;}', '#123456\n', 0x123456, null]) {
      await refused({ primaryColor: color }, 'primaryColor')
    }
  })

  it('P25 names and texts are visible, and what they look like', async () => {
    expect(checkBranding({ companyName: 'Müller & <b>Söhne</b>', loginText: 'Two\nlines' })).toEqual({
      companyName: 'Müller & <b>Söhne</b>',
      loginText: 'Two\nlines',
    })
    for (const name of ['', ' ', 'a\nb', 'x'.repeat(201), 'evil\u202egnp', 'a\u2028b', '\ud800', 'a\u0000b', 5]) {
      await refused({ companyName: name }, 'companyName')
    }
    for (const text of ['', 'x'.repeat(1001), 'a\u0007', '\u2066x']) await refused({ loginText: text }, 'loginText')
  })

  it('P27 the language is a tag of BCP 47, in its canonical form', async () => {
    for (const [given, kept] of [
      ['en', 'en'],
      ['PT-br', 'pt-BR'],
      ['zh-hant-tw', 'zh-Hant-TW'],
    ]) {
      expect(checkBranding({ defaultLocale: given })).toEqual({ defaultLocale: kept })
    }
    for (const tag of ['', 'e', 'en_US', '../en', 'en-', 'x'.repeat(36), '"onload=', 7, null]) {
      await refused({ defaultLocale: tag }, 'defaultLocale')
    }
  })

  it('C36 what is no branding field is refused by its name', async () => {
    await refused({ primaryColour: '#123456' }, 'primaryColour')
    await refused({ __proto__: null, html: '<b>' }, 'html')
    for (const input of [null, 'red', 7, []]) await refused(input, 'branding')
  })

  it('C36 settings that were written by hand are checked on the way out', async () => {
    await refusal('INPUT_INVALID', () => brandingOf(tenantWith({ customCss: '</style>' })))
    await refusal('INPUT_INVALID', () => brandingOf(tenantWith({ logoUrl: 'javascript:alert(1)' })))
  })
})

describe('brandingStyle', () => {
  it('P24 P26 gives the text of the style, its hash, and where it loads from', () => {
    const assetHosts = ['cdn.example.com']
    const customCss = "/* https://comment.example */ .a { background: url('https://cdn.example.com/bg.png') }"
    const settings = { logoUrl: 'https://logo.example.com/a.png', primaryColor: '#0f766e', customCss }
    const { css, styleSource, assetSources } = brandingStyle(brandingOf(tenantWith(settings), { assetHosts }))
    expect(css).toBe(`:root{--brand-color:#0f766e;--brand-on-color:#ffffff}\n${customCss}`)
    expect(styleSource).toMatch(/^'sha256-[A-Za-z0-9+/]{43}='$/)
    expect(assetSources).toEqual(['https://logo.example.com', 'https://cdn.example.com'])
  })

  it('P24 what stands on the colour can be read: a contrast of 4.5 at least', () => {
    const part = (c: number) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffff }), n => {
        const primaryColor = `#${n.toString(16).padStart(6, '0')}`
        const { css } = brandingStyle(brandingOf(tenantWith({ primaryColor })))
        const light =
          0.2126 * part((n >> 16) / 255) + 0.7152 * part(((n >> 8) & 255) / 255) + 0.0722 * part((n & 255) / 255)
        const on = css.includes('--brand-on-color:#ffffff') ? 1.05 / (light + 0.05) : (light + 0.05) / 0.05
        expect(on).toBeGreaterThanOrEqual(4.5)
      }),
    )
  })

  it('P26 refuses a branding that nobody has checked', async () => {
    const forged = { companyName: 'x', primaryColor: '#000000;}</style><script>', defaultLocale: 'en' }
    await refusal('ARGUMENT_INVALID', () => brandingStyle(forged))
    await refusal('ARGUMENT_INVALID', () => brandingStyle({ ...brandingOf(tenantWith()), customCss: '</style>' }))
  })
})
