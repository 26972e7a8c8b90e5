import { afterEach, describe, expect, it, vi } from 'vitest'
import { type JwtIssuer, type JwtOptions, jwt } from '../src/index.ts'
import { type KeyServer, keyServer } from './key-server.ts'
import { bearer, ecPair, recorder, refusal, shown, signers, token } from './support.ts'

const pair = ecPair('ours')
const issuer = 'https://id.example.com'
const audience = 'https://api.example.com'
const now = () => Math.floor(Date.now() / 1000)
const tokenOf = (claims: object = {}) =>
  token(
    { alg: 'ES256', kid: 'ours' },
    { iss: issuer, aud: audience, exp: now() + 7200, tenant_id: 'acme', ...claims },
    signers.es256(pair.privateKey),
  )
/** With another signature, which is as good: nothing else is different. */
const base: JwtIssuer = {
  ...{ issuer, audience, algorithms: ['ES256'], tenants: 'all' },
  keys: { jwks: { keys: [pair.jwk] } },
}
const make = (change: Partial<JwtIssuer> = {}, options: Partial<JwtOptions> = {}) =>
  jwt({ issuers: [{ ...base, ...change }], logger: recorder(), ...options })
const later = (ms: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })
afterEach(() => void vi.useRealTimers())

describe('who calls, as a token says', () => {
  const principalOf = async (claims: object, change: Partial<JwtIssuer> = {}) => {
    const found = await make(change).resolve(bearer(tokenOf(claims)))
    return found?.principal
  }

  it('I04 has the id of the token, the issuer, the subject and the scopes', async () => {
    const claims = { jti: 'token-7', sub: 'jane', scope: 'read write', role: 'Admin' }
    const principal = { credential: 'token-7', issuer, subject: 'jane', scopes: ['read', 'write'] }
    expect(await principalOf(claims)).toEqual(principal)
    // A role only from the claim that is said to hold one.
    expect(await principalOf(claims, { roleClaim: 'role' })).toEqual({ ...principal, role: 'Admin' })
    expect(await principalOf({ ...claims, role: ['Admin'] }, { roleClaim: 'role' })).toEqual(principal)
    expect(await principalOf({})).toEqual({ issuer })
  })

  it.each<[string, object, readonly string[] | undefined]>([
    ['scp as a list', { scp: ['a', 'b'] }, ['a', 'b']],
    ['scp as text', { scp: 'a b' }, ['a', 'b']],
    ['scope before scp', { scope: 'a', scp: ['a', 'b'] }, ['a']],
    ['an empty scope', { scope: '' }, []],
    ['a scope that is no text', { scope: { admin: true } }, []],
    ['a list with more than texts', { scp: ['a', 1] }, []],
    ['a scope of null', { scope: null }, []],
    ['a scope that is inherited', { toString: 'x' }, undefined],
  ])('E5 reads %s; what cannot be read permits nothing', async (_, claims, scopes) => {
    expect((await principalOf(claims))?.scopes).toEqual(scopes)
  })
})

describe('a token that was verified a moment ago', () => {
  let server: KeyServer | undefined
  afterEach(async () => server?.close())

  /** Signatures are counted by the keys that are looked for. */
  async function counted(options: Partial<JwtOptions> = {}) {
    server = await keyServer({ keys: [pair.jwk] })
    const resolver = make({ keys: { url: server.url, allowInsecure: true, outage: 0 } }, options)
    return { resolver, server }
  }

  it('is not verified again within its time, and is verified behind it', async () => {
    const { resolver, server } = await counted({ remember: 60_000 })
    const value = tokenOf()
    await resolver.resolve(bearer(value))
    server.answer = { keys: [ecPair('another').jwk] }
    later(59_000)
    // Nobody can verify it any more.
    vi.setSystemTime(Date.now())
    expect(await resolver.resolve(bearer(value))).toMatchObject({ key: { value: 'acme' } })
    later(601_000)
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(value)))
  })

  it('E5 ends with the key it was signed with: within ten minutes and the time for which it is known', async () => {
    const { resolver, server } = await counted({ remember: 300_000 })
    const value = tokenOf()
    await resolver.resolve(bearer(value))
    server.answer = { keys: [ecPair('another').jwk] }
    later(599_000)
    expect(await resolver.resolve(bearer(value))).toBeDefined()
    later(299_000)
    expect(await resolver.resolve(bearer(value))).toBeDefined()
    later(2_000)
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(value)))
  })

  it('E5 is refused from its exp on, and before its nbf where the clock is set back', async () => {
    const resolver = make({}, { remember: 300_000 })
    const short = tokenOf({ exp: now() + 30 })
    await resolver.resolve(bearer(short))
    later(28_000)
    expect(await resolver.resolve(bearer(short))).toBeDefined()
    later(3_000)
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(short)))
    vi.useRealTimers()
    const begins = tokenOf({ nbf: now() })
    await resolver.resolve(bearer(begins))
    later(-60_000)
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(begins)))
  })

  it('E5 is no reason to believe another, nor one that was refused', async () => {
    const resolver = make()
    const value = tokenOf()
    await resolver.resolve(bearer(value))
    const [head, , signature] = value.split('.')
    const [, other] = tokenOf({ tenant_id: 'beta' }).split('.')
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(`${head}.${other}.${signature}`)))
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(`${head}.${other}.${signature}`)))
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(`${value}A`)))
  })

  it('E6 is asked about its tenant each time, with claims that nobody can change', async () => {
    const answers = [true, true, false]
    const seen: unknown[] = []
    const resolver = make({
      tenants: (_, claims) => {
        seen.push(claims)
        expect(() => Object.assign(claims, { tenant_id: 'beta' })).toThrow(TypeError)
        return answers.shift() === true
      },
    })
    const value = tokenOf({ deep: { list: [1] } })
    await resolver.resolve(bearer(value))
    await resolver.resolve(bearer(value))
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(value)))
    expect(seen[1]).toBe(seen[0])
    expect(Object.isFrozen((seen[0] as { deep: { list: [] } }).deep.list)).toBe(true)
  })

  it('I48 is not kept: neither it nor a part of it is in the resolver', async () => {
    const resolver = make()
    const value = tokenOf()
    await resolver.resolve(bearer(value))
    for (const part of value.split('.')) expect(shown(resolver)).not.toContain(part)
  })

  it.each([-1, 0.5, 300_001, Number.NaN])('is not known for %d milliseconds', async remember => {
    await refusal('ARGUMENT_INVALID', () => make({}, { remember }))
  })
})
