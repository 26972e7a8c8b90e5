import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isTenancyError, path } from '../src/index.ts'
import { refusal, request } from './support.ts'

const prefixed = path({ prefix: '/t' })
const resolve = (target: string) => prefixed.resolve(request(target))
const match = (value: string) => ({ key: { kind: 'slug', value }, trust: 'verified' })

describe('path', () => {
  it.each([
    ['/t/acme', 'acme'],
    ['/t/acme/notes', 'acme'],
    ['/t/Acme-EU/notes', 'acme-eu'],
    ['/t/acme?tenant=beta', 'acme'],
    ['/t/acme#/t/beta', 'acme'],
    ['/t/acme/../beta', 'acme'],
    ['/t/acme//t/beta', 'acme'],
  ])('P03 P07 reads %s as %s', (target, slug) => expect(resolve(target)).toEqual(match(slug)))

  it.each(['/T/acme', '/%74/acme', '/t%2Facme', '/t\\acme', '/T%2facme/notes', '/%54/acme'])(
    'E8 refuses %s, which a lenient router takes for a tenant’s path',
    async target => {
      await refusal('REQUEST_INVALID', () => resolve(target))
    },
  )

  it.each(['/', '/t', '/t/', '/t//acme', '/tt/acme', '/notes', '//t/acme', '/?/t/acme', '/t?/acme', '/x/t/acme'])(
    'finds no signal in %s',
    target => expect(resolve(target)).toBeUndefined(),
  )

  it.each([
    ...['/t/%61cme', '/t/acme%2fbeta', '/t/acme%2Fbeta', '/t/%2e%2e/beta', '/t/../beta', '/t/./acme', '/t/acme%00'],
    ...[
      '/t/%252e%252e',
      '/t/%c0%ae%c0%ae',
      '/t/acme;tenant=beta',
      '/t/acme\\beta',
      '/t/acme,beta',
      '/t/acme&x',
      '/t/a.b',
    ],
    ...[
      '/t/аcme',
      '/t/ac\u200bme',
      '/t/\u212Aelvin',
      '/t/ⓐcme',
      '/t/xn--caf-dma',
      '/t/acme\0',
      '/t/acme\n',
      '/t/ acme',
    ],
    ...['/t/admin', '/t/-acme', '/t/acme-', '/t/a_b', `/t/${'x'.repeat(64)}`, `/t/${'x'.repeat(100_000)}`],
  ])('E8 E9 refuses %j', async target => {
    expect((await refusal('REQUEST_INVALID', () => resolve(target))).details.field).toBe('tenant in the path')
  })

  it.each(['http://beta.example.com/t/acme', 'acme.example.com:443', '*', '', 't/acme', '\\t\\acme'])(
    'E1 refuses %j, which is not in origin form',
    async target => {
      expect((await refusal('REQUEST_INVALID', () => resolve(target))).details.field).toBe('request target')
    },
  )

  it('P03 without a prefix, the first segment is the slug', () => {
    const resolver = path()
    expect(resolver.resolve(request('/acme/notes'))).toEqual(match('acme'))
    expect(resolver.resolve(request('/'))).toBeUndefined()
  })

  it.each(['t', '/t/', '/t?', '/%74', '/t#', '//', '/a b'])('refuses the prefix %j', async prefix => {
    expect((await refusal('ARGUMENT_INVALID', () => path({ prefix }))).details.field).toBe('path prefix')
  })

  it.each(['', '/t', '/api/v1'])('gives for any target after %j: nothing, a slug, or REQUEST_INVALID', prefix => {
    const piece = fc.oneof(
      fc.constantFrom('/', '%2f', '..', ';', '?', '\\', 'acme', 'ACME'),
      fc.string({ unit: 'binary' }),
    )
    const rest = fc.array(piece, { maxLength: 6 }).map(all => all.join(''))
    fc.assert(
      fc.property(
        fc.oneof(
          rest,
          rest.map(text => `${prefix}/${text}`),
        ),
        target => {
          try {
            const found = path({ prefix }).resolve(request(target)) as ReturnType<typeof match> | undefined
            if (found === undefined) return
            expect(found).toMatchObject({ trust: 'verified', key: { kind: 'slug' } })
            expect(found).not.toHaveProperty('fallback')
            expect(found.key.value).toMatch(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/)
            // What is read is what stands there, so that a router further on reads the same.
            expect(
              target
                .slice(prefix.length + 1)
                .toLowerCase()
                .startsWith(found.key.value),
            ).toBe(true)
          } catch (error) {
            if (!isTenancyError(error)) throw error
            expect(error.code).toBe('REQUEST_INVALID')
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})
