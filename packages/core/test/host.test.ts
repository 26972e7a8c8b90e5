import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { host, isTenancyError } from '../src/index.ts'
import { refusal, request } from './support.ts'

const resolver = host({ baseDomains: ['example.com'], ownHosts: ['127.0.0.1', 'status.example.com'] })
const resolve = (value: string | string[], target = '/') => resolver.resolve(request(target, { host: value }))
const match = (kind: 'slug' | 'domain', value: string) => ({ key: { kind, value }, trust: 'verified', fallback: true })

describe('host', () => {
  it.each([
    ['acme.example.com', 'slug', 'acme'],
    ['ACME.Example.COM', 'slug', 'acme'],
    ['acme.example.com:8080', 'slug', 'acme'],
    ['acme.example.com.', 'slug', 'acme'],
    ['acme.example.com.:443', 'slug', 'acme'],
    ['acme.org', 'domain', 'acme.org'],
    ['Acme.ORG.:80', 'domain', 'acme.org'],
    ['xn--caf-dma.fr', 'domain', 'xn--caf-dma.fr'],
    ['notexample.com', 'domain', 'notexample.com'],
    ['example.com.evil.org', 'domain', 'example.com.evil.org'],
    ['localhost', 'domain', 'localhost'],
    ['10.0.0.1:80', 'domain', '10.0.0.1'],
    ['[::1]:3000', 'domain', '::1'],
    ['[2001:DB8::1]', 'domain', '2001:db8::1'],
  ] as const)('T36 E1 reads %s as the %s %s', (value, kind, key) => expect(resolve(value)).toEqual(match(kind, key)))

  it.each(['a.b.example.com', 'acme.acme.example.com'])('T37 E10 does not take %s for a subdomain', value => {
    expect(resolve(value)).toEqual(match('domain', value))
  })

  it.each(['example.com', 'EXAMPLE.com:80', '127.0.0.1:3000', 'status.example.com', ''])(
    'finds no signal in %j, which is the application itself',
    value => expect(resolve(value)).toBeUndefined(),
  )

  it('finds no signal where there is no Host header', () => {
    expect(resolver.resolve(request('/'))).toBeUndefined()
  })

  it.each([
    ...['acme@example.com', 'user:pass@acme.example.com', 'http://acme.example.com', 'acme.example.com/path'],
    ...['acme.example.com,beta.example.com', 'acme.example.com, beta.example.com', 'acme.example.com beta.example.com'],
    ...[
      'acme.example.com\r\nx: y',
      'acme.example.com\n',
      'acme.example.com\0',
      '\tacme.example.com',
      ' acme.example.com',
    ],
    ...[
      'acme%2eexample.com',
      '%61cme.example.com',
      'acme..example.com',
      '.example.com',
      '.',
      '..',
      'acme.example.com..',
    ],
    ...['acme.example.com:', 'acme.example.com:80:80', 'acme.example.com:http', 'acme.example.com:123456', ':80'],
    ...['[::1', '::1', '[acme.example.com]', '[::1%25eth0]', '[::ffff:999.0.0.1]', '[]', '*', '*.example.com'],
    ...['acme.example.com;a', 'acme\\.example.com', 'аcme.example.com', '\u212Aelvin.example.com', 'ⓐcme.example.com'],
    ...['ac\u200bme.example.com', 'acme。example.com', 'acme．example.com', 'café.fr', `${'x'.repeat(64)}.example.com`],
    ...[`${'a.'.repeat(130)}example.com`, 'x'.repeat(100_000)],
  ])('E1 E4 E9 refuses %j', async value => {
    const { details } = await refusal('REQUEST_INVALID', () => resolve(value))
    expect(details.field).toBe('header host')
  })

  it.each([[['acme.example.com', 'beta.example.com']], [['acme.example.com', 'acme.example.com']], [['', 'acme.org']]])(
    'E1 refuses more than one Host header: %j',
    async values => {
      const { details } = await refusal('REQUEST_INVALID', () => resolve(values))
      expect(details).toEqual({ field: 'header host', rule: 'must stand once' })
    },
  )

  it.each(['http://beta.example.com/', 'https://beta.example.com', 'beta.example.com:443', '*'])(
    'E1 refuses the target %s, which names a second host beside the header',
    async target => {
      const { details } = await refusal('REQUEST_INVALID', () => resolve('acme.example.com', target))
      expect(details.field).toBe('request target')
    },
  )

  it('E2 never reads X-Forwarded-Host or Forwarded', () => {
    const spoofed = {
      host: 'acme.example.com',
      'x-forwarded-host': 'beta.example.com',
      forwarded: 'host=beta.example.com',
    }
    expect(resolver.resolve(request('/', spoofed))).toEqual(match('slug', 'acme'))
  })

  it('gives for any header: nothing, a match whose key is a canonical name, or REQUEST_INVALID', () => {
    const pieces = fc.constantFrom(
      'acme',
      'example',
      'com',
      '.',
      ':',
      '80',
      '[',
      ']',
      '::1',
      '@',
      '%2e',
      'xn--',
      '_',
      '-',
    )
    const value = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.domain(),
      fc.ipV6(),
      fc.array(pieces, { maxLength: 8 }).map(all => `${all.join('')}`),
      fc.string().map(label => `${label}.example.com`),
    )
    fc.assert(
      fc.property(fc.array(value, { maxLength: 2 }), values => {
        try {
          const found = resolve(values)
          if (found === undefined) return
          expect(found).toMatchObject({ trust: 'verified', fallback: true })
          const { kind, value: key } = (found as ReturnType<typeof match>).key
          if (kind === 'slug') expect(key).toMatch(/^[a-z0-9_-]{1,63}$/)
          else expect(key).toMatch(/^(?:[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*|[0-9a-f:.]+)$/)
          expect(values).toHaveLength(1)
          expect(values[0]?.toLowerCase()).toContain(key)
        } catch (error) {
          if (!isTenancyError(error)) throw error
          expect(error.code).toBe('REQUEST_INVALID')
        }
      }),
      { numRuns: 1000 },
    )
  })

  it.each([
    ['baseDomains', { baseDomains: ['https://example.com'] }],
    ['ownHosts', { ownHosts: ['a b'] }],
  ])('names the option %s when it holds something else than hosts', async (field, options) => {
    expect((await refusal('ARGUMENT_INVALID', () => host(options))).details.field).toBe(field)
  })
})
