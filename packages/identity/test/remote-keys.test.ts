import { isTenancyError, problemOf } from '@tenantry/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { jwt } from '../src/index.ts'
import { type KeyServer, keyServer } from './key-server.ts'
import { bearer, ecPair, recorder, refusal, shown, signers, token } from './support.ts'

const first = ecPair('first')
const second = ecPair('second')
const issuer = 'https://id.example.com'
const audience = 'https://api.example.com'
const signed = (pair: typeof first) =>
  token(
    { alg: 'ES256', kid: pair.jwk.kid },
    { iss: issuer, aud: audience, exp: Math.floor(Date.now() / 1000) + 7200, tenant_id: 'acme' },
    signers.es256(pair.privateKey),
  )

describe('keys behind an address', () => {
  let server: KeyServer
  beforeEach(async () => {
    began = Date.now()
    server = await keyServer({ keys: [first.jwk] })
  })
  afterEach(async () => {
    vi.useRealTimers()
    await server.close()
  })
  const make = (url = `${server.url}/keys`, outage?: number, remember?: number) =>
    jwt({
      issuers: [
        {
          ...{ issuer, audience, algorithms: ['ES256'] as const, tenants: 'all' as const },
          keys: { url, allowInsecure: true, ...(outage !== undefined && { outage }) },
        },
      ],
      logger: recorder(),
      ...(remember !== undefined && { remember }),
    })
  let began = Date.now()
  const later = (ms: number) => vi.useFakeTimers({ toFake: ['Date'], now: began + ms })

  it('are fetched once for all that ask at the same time, and kept', async () => {
    const resolver = make()
    await Promise.all(Array.from({ length: 20 }, () => resolver.resolve(bearer(signed(first)))))
    await resolver.resolve(bearer(signed(first)))
    expect(server.requests).toEqual(['/keys'])
  })

  it('that are new are found, and those taken away are refused, once the set is fetched again', async () => {
    const resolver = make()
    await resolver.resolve(bearer(signed(first)))
    server.answer = { keys: [second.jwk] }
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(signed(second))))
    later(31_000)
    expect(await resolver.resolve(bearer(signed(second)))).toMatchObject({ key: { value: 'acme' } })
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(signed(first))))
    expect(server.requests).toHaveLength(2)
  })

  it('E5 of an attacker’s kid make nobody ask the issuer more often', async () => {
    const resolver = make()
    await resolver.resolve(bearer(signed(first)))
    for (let n = 0; n < 50; n++) {
      const kid = { ...second, jwk: { ...second.jwk, kid: `guess-${n}` } }
      await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(signed(kid))))
    }
    expect(server.requests).toHaveLength(1)
  })

  it.each<[string, KeyServer['answer']]>([
    ['500', response => response.writeHead(500).end()],
    ['a redirect', response => response.writeHead(302, { location: '/elsewhere' }).end()],
    ['no JSON', response => response.writeHead(200).end('<html>')],
    ['no key set', { key: [] }],
    ['a connection that breaks', response => response.destroy()],
  ])('that cannot be had are not the caller’s fault, and are asked for again: %s', async (_, answer) => {
    const good = server.answer
    server.answer = answer
    const resolver = make()
    const error = await refusal('CREDENTIALS_UNAVAILABLE', () => resolver.resolve(bearer(signed(first))))
    expect(problemOf(error)).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    expect(error.cause).toBeUndefined()
    expect(shown(error)).not.toContain('127.0.0.1')
    // Whoever comes within a second is refused without a question.
    await refusal('CREDENTIALS_UNAVAILABLE', () => resolver.resolve(bearer(signed(first))))
    expect(server.requests).toEqual(['/keys'])
    server.answer = good
    later(1100)
    expect(await resolver.resolve(bearer(signed(first)))).toMatchObject({ key: { value: 'acme' } })
  })

  it('E5 that are known are used while the issuer is down, for as long as is said; one that is new is not the caller’s fault', async () => {
    const resolver = make(undefined, 3_000_000)
    await resolver.resolve(bearer(signed(first)))
    server.answer = response => response.writeHead(503).end()
    later(31_000)
    const error = await refusal('CREDENTIALS_UNAVAILABLE', () => resolver.resolve(bearer(signed(second))))
    expect(error.status).toBe(503)
    for (const after of [599_000, 601_000, 3_500_000]) {
      later(after)
      expect(await resolver.resolve(bearer(signed(first)))).toMatchObject({ key: { value: 'acme' } })
      await refusal('CREDENTIALS_UNAVAILABLE', () => resolver.resolve(bearer(signed(second))))
    }
    later(3_601_000)
    await refusal('CREDENTIALS_UNAVAILABLE', () => resolver.resolve(bearer(signed(first))))
    // And is asked again.
    server.answer = { keys: [second.jwk] }
    later(3_603_000)
    expect(await resolver.resolve(bearer(signed(second)))).toMatchObject({ key: { value: 'acme' } })
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(signed(first))))
  })

  it('E5 that were taken away are good for ten minutes and no longer', async () => {
    const resolver = make()
    await resolver.resolve(bearer(signed(first)))
    server.answer = { keys: [second.jwk] }
    later(599_000)
    expect(await resolver.resolve(bearer(signed(first)))).toMatchObject({ key: { value: 'acme' } })
    later(631_000)
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(signed(first))))
    expect(server.requests).toHaveLength(2)
  })

  it('of an issuer that swallows questions hold nobody up once that is known, and it is asked once at a time', async () => {
    const resolver = make(undefined, undefined, 0)
    await resolver.resolve(bearer(signed(first)))
    server.answer = response => response.writeHead(500).end()
    later(601_000)
    await resolver.resolve(bearer(signed(first)))
    const waiting: { end(text: string): unknown }[] = []
    server.answer = response => void waiting.push(response)
    later(603_000)
    await Promise.all(Array.from({ length: 20 }, () => resolver.resolve(bearer(signed(first)))))
    while (waiting.length === 0) await new Promise(resolve => setImmediate(resolve))
    expect(server.requests).toHaveLength(3)
    waiting[0]?.end(JSON.stringify({ keys: [second.jwk] }))
    // It is back, and the old key is gone.
    const codeOf = async () => {
      try {
        return await resolver.resolve(bearer(signed(first)))
      } catch (error) {
        return isTenancyError(error) && error.code
      }
    }
    await expect.poll(codeOf).toBe('CREDENTIAL_INVALID')
  })

  it.each([-1, 0.5, 86_400_001, Number.NaN])('take no outage of %d', async outage => {
    await refusal('ARGUMENT_INVALID', () => make(undefined, outage))
  })

  it('E5 that are private are not used', async () => {
    server.answer = { keys: [{ ...first.privateKey.export({ format: 'jwk' }), kid: 'first' }] }
    await refusal('CREDENTIALS_UNAVAILABLE', () => make().resolve(bearer(signed(first))))
  })

  it('that nobody serves: the error shows no address and no password in it', async () => {
    const resolver = make('http://user:CANARY@127.0.0.1:1/keys')
    const error = await refusal('CREDENTIALS_UNAVAILABLE', () => resolver.resolve(bearer(signed(first))))
    expect(shown(error)).not.toMatch(/CANARY|127\.0\.0\.1/)
  })
})
