import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { header, isTenancyError, type RequestView, secret } from '../src/index.ts'
import { refusal, request } from './support.ts'

const send = (value: string | string[]) => request('/', { 'x-tenant-id': value })

describe('header', () => {
  it('E3 only asserts, unless the application says that it may be believed', () => {
    expect(header().resolve(send('acme'))).toEqual({ key: { kind: 'id', value: 'acme' }, trust: 'asserted' })
    expect(header({ trusted: true }).resolve(send('acme'))).toMatchObject({ trust: 'verified' })
  })

  it('E3 asks a function about each request', () => {
    const trusted = (view: RequestView) => view.header('x-gateway-key')[0] === 'right'
    const ask = (key: string) =>
      header({ trusted }).resolve(request('/', { 'x-tenant-id': 'acme', 'x-gateway-key': key }))
    expect(ask('right')).toMatchObject({ trust: 'verified' })
    expect(ask('wrong')).toMatchObject({ trust: 'asserted' })
  })

  describe('E3 a gateway that proves itself', () => {
    const proof = secret('a secret of the gateway')
    const ask = (headers: Record<string, string | string[]>) =>
      header({ trusted: { header: 'X-Gateway-Key', secret: proof } }).resolve(
        request('/', { 'x-tenant-id': 'acme', ...headers }),
      )

    it('is believed by its secret and by nothing else', () => {
      expect(ask({ 'x-gateway-key': 'a secret of the gateway' })).toMatchObject({ trust: 'verified' })
      for (const wrong of ['', 'a secret', 'a secret of the gateway ', 'A secret of the gateway', 'undefined']) {
        expect(ask({ 'x-gateway-key': wrong })).toMatchObject({ trust: 'asserted' })
      }
      expect(ask({})).toMatchObject({ trust: 'asserted' })
    })

    it('may not prove itself twice', async () => {
      await refusal('REQUEST_INVALID', () => ask({ 'x-gateway-key': ['a secret of the gateway', 'x'] }))
    })

    it('needs a secret worth the name', async () => {
      await refusal('ARGUMENT_INVALID', () => header({ trusted: { header: 'x-gateway-key', secret: secret('') } }))
    })
  })

  it('E3 does not take a promise for a yes', () => {
    const trusted = (async () => false) as unknown as () => boolean
    expect(header({ trusted }).resolve(send('acme'))).toMatchObject({ trust: 'asserted' })
  })

  it('reads another header, and slugs', () => {
    const resolver = header({ name: 'X-Org', kind: 'slug', trusted: true })
    expect(resolver.name).toBe('header x-org')
    expect(resolver.resolve(request('/', { 'x-org': 'acme-eu' }))).toMatchObject({
      key: { kind: 'slug', value: 'acme-eu' },
    })
    expect(resolver.resolve(send('acme'))).toBeUndefined()
  })

  it.each([
    ...['', 'acme, beta', 'acme,beta', 'acme beta', 'acme\r\nx: y', 'acme\n', 'acme\0', ' acme', 'a_sk_b', 'acme%00'],
    ...['аcme', 'ac\u200bme', '\u212Aelvin', '../acme', 'x'.repeat(65), 'x'.repeat(100_000)],
  ])('E4 E9 refuses %j', async value => {
    const { details } = await refusal('REQUEST_INVALID', () => header({ trusted: true }).resolve(send(value)))
    expect(details.field).toBe('header x-tenant-id')
    expect(details.rule).toContain('must be 1–64 characters')
  })

  it('E4 refuses a header that stands twice, even with the same value', async () => {
    await refusal('REQUEST_INVALID', () => header().resolve(send(['acme', 'beta'])))
    await refusal('REQUEST_INVALID', () => header().resolve(send(['acme', 'acme'])))
  })

  it.each(['id', 'slug'] as const)(
    'gives for any header: a match whose %s obeys the rules, or REQUEST_INVALID',
    kind => {
      const value = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[A-Za-z0-9_-]{1,66}$/))
      fc.assert(
        fc.property(fc.array(value, { maxLength: 2 }), values => {
          try {
            const found = header({ kind }).resolve(send(values)) as { key: object } | undefined
            if (found === undefined) {
              expect(values).toEqual([])
              return
            }
            expect(found.key).toEqual({ kind, value: values[0] })
            expect(values[0]).toMatch(
              kind === 'id' ? /^[A-Za-z0-9_-]{1,64}$/ : /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
            )
          } catch (error) {
            if (!isTenancyError(error)) throw error
            expect(error.code).toBe('REQUEST_INVALID')
          }
        }),
      )
    },
  )
})
