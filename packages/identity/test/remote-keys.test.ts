import { problemOf } from '@tenantry/core'
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
    server = await keyServer({ keys: [first.jwk] })
  })
  afterEach(async () => {
    vi.useRealTimers()
    await server.close()
  })
  const make = (url = `${server.url}/keys`) =>
    jwt({
      issuers: [{ issuer, audience, algorithms: ['ES256'], keys: { url, allowInsecure: true }, tenants: 'all' }],
      logger: recorder(),
    })
  const later = (ms: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })

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

  it('that cannot be had now do not take away those at hand, until these are ten minutes old', async () => {
    const resolver = make()
    await resolver.resolve(bearer(signed(first)))
    server.answer = response => response.writeHead(503).end()
    later(31_000)
    await refusal('CREDENTIALS_UNAVAILABLE', () => resolver.resolve(bearer(signed(second))))
    expect(await resolver.resolve(bearer(signed(first)))).toMatchObject({ key: { value: 'acme' } })
    vi.setSystemTime(Date.now() + 601_000)
    await refusal('CREDENTIALS_UNAVAILABLE', () => resolver.resolve(bearer(signed(first))))
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
