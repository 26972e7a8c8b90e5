import { generateKeyPairSync } from 'node:crypto'
import { secret } from '@tenantry/core'
import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { type JwtIssuer, type JwtOptions, jwt } from '../src/index.ts'
import { bearer, ecPair, recorder, refusal, request, shown, signers, token } from './support.ts'

const ours = ecPair('ours')
const sign = signers.es256(ours.privateKey)
const issuer = 'https://id.example.com'
const audience = 'https://api.example.com'
const now = () => Math.floor(Date.now() / 1000)
const head = { alg: 'ES256', kid: 'ours' }
const body = () => ({ iss: issuer, aud: audience, exp: now() + 60, tenant_id: 'acme' })
const but = (claims: object, headers: object = {}) => token({ ...head, ...headers }, { ...body(), ...claims }, sign)
const base: JwtIssuer = {
  issuer,
  audience,
  algorithms: ['ES256'],
  keys: { jwks: { keys: [ours.jwk] } },
  tenants: 'all',
}
const make = (change: Partial<JwtIssuer> = {}, options: Partial<JwtOptions> = {}) =>
  jwt({ issuers: [{ ...base, ...change }], logger: recorder(), ...options })
const acme = { key: { kind: 'id', value: 'acme' }, trust: 'verified', principal: { issuer } }

describe('jwt', () => {
  it('I04 takes the tenant from the claim tenant_id of a token that jose itself has signed', async () => {
    const value = await new SignJWT({ tenant_id: 'acme' })
      .setProtectedHeader({ alg: 'ES256', kid: 'ours', typ: 'JWT' })
      .setIssuer(issuer)
      .setAudience([audience, 'https://other.example.com'])
      .setExpirationTime('1m')
      .sign(ours.privateKey)
    expect(await make().resolve(bearer(value))).toEqual(acme)
  })

  it.each([
    ['RS256', 'rsa'],
    ['PS256', 'rsa'],
    ['ES384', 'ec'],
    ['EdDSA', 'ed25519'],
    ['Ed25519', 'ed25519'],
  ] as const)('I04 verifies %s', async (alg, kind) => {
    const { publicKey, privateKey } =
      kind === 'rsa'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : kind === 'ec'
          ? generateKeyPairSync('ec', { namedCurve: 'P-384' })
          : generateKeyPairSync('ed25519')
    const keys = { jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kty: jwkType[kind] }] } }
    const value = await new SignJWT(body()).setProtectedHeader({ alg }).sign(privateKey)
    expect(await make({ algorithms: [alg], keys }).resolve(bearer(value))).toEqual(acme)
  })
  const jwkType = { rsa: 'RSA', ec: 'EC', ed25519: 'OKP' }

  it('I04 verifies HS256 with a secret', async () => {
    const text = 'x'.repeat(32)
    const resolver = make({ algorithms: ['HS256'], keys: { secret: secret(text) } })
    expect(await resolver.resolve(bearer(token({ alg: 'HS256' }, body(), signers.hs256(text))))).toEqual(acme)
    expect(shown(resolver)).not.toContain(text)
  })

  it.each(['Bearer', 'bearer', 'BEARER', 'Bearer '])('reads the token after %j', async scheme => {
    expect(await make().resolve(request({ authorization: `${scheme} ${but({})}` }))).toEqual(acme)
  })

  it.each(['Basic YTpi', 'Digest username="a"', 'DPoP eyJ', 'Bearertoken', 'Bearer2 x', 'Basic'])(
    'leaves %j to others',
    async authorization => {
      expect(await make().resolve(request({ authorization }))).toBeUndefined()
      expect(await make().resolve(request())).toBeUndefined()
    },
  )

  it.each(['', ' ', 'Bearer', 'Bearer ', 'Bearer\tx', 'Bearer,x', ' Bearer x', ', Bearer x', 'Bearer x y', 'Bearer:x'])(
    'E4 refuses %j, which is neither its own nor another’s',
    async authorization => {
      await refusal('CREDENTIAL_INVALID', () => make().resolve(request({ authorization })))
    },
  )

  it('E4 refuses two tokens, in two headers and in one', async () => {
    const value = but({})
    await refusal('REQUEST_INVALID', () =>
      make().resolve(request({ authorization: [`Bearer ${value}`, `Bearer ${value}`] })),
    )
    await refusal('CREDENTIAL_INVALID', () =>
      make().resolve(request({ authorization: `Bearer ${value}, Bearer ${value}` })),
    )
  })

  it('reads a header of another name, where the token stands alone', async () => {
    const resolver = make({}, { header: 'Cf-Access-Jwt-Assertion' })
    expect(await resolver.resolve(request({ 'cf-access-jwt-assertion': but({}) }))).toEqual(acme)
    expect(await resolver.resolve(bearer(but({})))).toBeUndefined()
    await refusal('CREDENTIAL_INVALID', () =>
      resolver.resolve(request({ 'cf-access-jwt-assertion': `Bearer ${but({})}` })),
    )
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(request({ 'cf-access-jwt-assertion': '' })))
  })

  it('E5 refuses another algorithm, even where key and signature are good', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const keys = { jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kty: 'RSA' }] } }
    const value = await new SignJWT(body()).setProtectedHeader({ alg: 'PS256' }).sign(privateKey)
    expect(await make({ algorithms: ['PS256'], keys }).resolve(bearer(value))).toEqual(acme)
    await refusal('CREDENTIAL_INVALID', () => make({ algorithms: ['RS256'], keys }).resolve(bearer(value)))
  })

  it('E5 believes a good token that says where keys are, and does not look there', async () => {
    const headers = { jku: 'http://127.0.0.1:1/keys', x5u: 'http://127.0.0.1:1/x5u', x5t: 'abc' }
    expect(await make().resolve(bearer(but({}, headers)))).toEqual(acme)
  })

  it.each([
    [undefined, 'JWT'],
    [undefined, 'at+jwt'],
    [undefined, 'application/at+JWT'],
    ['at+jwt', 'AT+JWT'],
    ['application/at+jwt', 'at+jwt'],
    ['secevent+jwt', 'secevent+jwt'],
  ])('E5 with the type %s takes %s', async (typ, given) => {
    expect(await make(typ === undefined ? {} : { typ }).resolve(bearer(but({}, { typ: given })))).toEqual(acme)
  })

  it.each([
    ['at+jwt', {}],
    ['at+jwt', { typ: 'JWT' }],
    ['at+jwt', { typ: '' }],
  ])('E5 with the type %s refuses %o', async (typ, headers) => {
    await refusal('CREDENTIAL_INVALID', () => make({ typ }).resolve(bearer(but({}, headers))))
  })

  it('allows clocks to differ, as far as it is told and no further', async () => {
    const resolver = make({ clockTolerance: 30_000 })
    expect(await resolver.resolve(bearer(but({ exp: now() - 20, nbf: now() + 20 })))).toEqual(acme)
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(but({ exp: now() - 40 }))))
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(but({ nbf: now() + 40 }))))
    await refusal('CREDENTIAL_INVALID', () => make().resolve(bearer(but({ exp: now() - 20 }))))
  })

  it('takes a token without exp only where that is said', async () => {
    const value = but({ exp: undefined })
    expect(await make({ requireExpiry: false }).resolve(bearer(value))).toEqual(acme)
    await refusal('CREDENTIAL_INVALID', () => make({ requireExpiry: false }).resolve(bearer(but({ exp: now() - 1 }))))
  })

  it('takes another claim', async () => {
    const resolver = make({ claim: 'https://example.com/org' })
    expect(await resolver.resolve(bearer(but({ 'https://example.com/org': 'beta' })))).toMatchObject({
      key: { value: 'beta' },
    })
    // Of what every object has, the token says nothing.
    const inherited = make({ claim: 'constructor' }, { onMissingClaim: 'ignore' })
    expect(await inherited.resolve(bearer(but({})))).toBeUndefined()
  })

  it('leaves a token without the claim to others only where that is said, and a bad claim to nobody', async () => {
    const resolver = make({}, { onMissingClaim: 'ignore' })
    expect(await resolver.resolve(bearer(but({ tenant_id: undefined })))).toBeUndefined()
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(but({ tenant_id: null }))))
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(but({ tenant_id: undefined, exp: 1 }))))
    await refusal('CREDENTIAL_INVALID', () => make().resolve(bearer(but({ tenant_id: undefined }))))
  })

  describe('E6 an issuer speaks for its own tenants', () => {
    it('by a list', async () => {
      const resolver = make({ tenants: ['beta', 'gamma'] })
      expect(await resolver.resolve(bearer(but({ tenant_id: 'beta' })))).toMatchObject({ key: { value: 'beta' } })
      for (const tenant_id of ['acme', 'BETA', 'bet', 'beta2', 'has', 'size'])
        await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(but({ tenant_id }))))
    })

    it('by a question, whose answer must be true and nothing like it', async () => {
      const asked: unknown[] = []
      const answer = (value: unknown) =>
        make({
          tenants: (tenant, claims) => {
            asked.push([tenant, claims.azp])
            return value as boolean
          },
        }).resolve(bearer(but({ azp: 'app' })))
      expect(await answer(true)).toEqual(acme)
      expect(await answer(Promise.resolve(true))).toEqual(acme)
      for (const no of [false, undefined, null, 1, 'true', {}, Promise.resolve(false)])
        await refusal('CREDENTIAL_INVALID', () => answer(no))
      expect(asked).toEqual(Array.from({ length: 9 }, () => ['acme', 'app']))
    })

    it('by a question, which is not asked about a token that is bad', async () => {
      const tenants = () => {
        throw new Error('asked')
      }
      await refusal('CREDENTIAL_INVALID', () => make({ tenants }).resolve(bearer(but({ exp: 1 }))))
      await expect(make({ tenants }).resolve(bearer(but({})))).rejects.toThrow('asked')
    })
  })

  it('I48 tells the operator why, in fixed words, and never the token', async () => {
    const logger = recorder()
    const resolver = make({}, { logger })
    const value = but({ exp: now() - 5 })
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(value)))
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(but({ aud: 'CANARY' }))))
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(but({ iss: 'CANARY' }))))
    expect(logger.records.map(({ details }) => details)).toEqual([
      { event: 'jwt.refused', issuer, reason: 'it has expired' },
      { event: 'jwt.refused', issuer, reason: 'its claim "aud" is not as it must be' },
      { event: 'jwt.refused', issuer: undefined, reason: 'its issuer is not configured' },
    ])
    expect(shown(logger.records)).not.toMatch(/CANARY|eyJ/)
  })

  const privateJwk = { ...ours.privateKey.export({ format: 'jwk' }), kty: 'EC' }
  it.each<[string, string, Partial<JwtIssuer>]>([
    ['no issuer', 'issuers[0].issuer', { issuer: '' }],
    ['no audience', 'issuers[0].audience', { audience: [] }],
    ['an empty audience', 'issuers[0].audience', { audience: [''] }],
    ['no algorithms', 'issuers[0].algorithms', { algorithms: [] }],
    ['none', 'issuers[0].algorithms', { algorithms: ['none' as 'ES256'] }],
    ['a symmetric algorithm with public keys', 'issuers[0].algorithms', { algorithms: ['ES256', 'HS256'] }],
    ['an asymmetric one with a secret', 'issuers[0].algorithms', { keys: { secret: secret('x'.repeat(64)) } }],
    ['a short secret', 'issuers[0].keys', { algorithms: ['HS256'], keys: { secret: secret('x'.repeat(31)) } }],
    [
      'a secret too short for one of two',
      'issuers[0].keys',
      { algorithms: ['HS256', 'HS512'], keys: { secret: secret('x'.repeat(63)) } },
    ],
    ['no keys', 'issuers[0].keys', { keys: { jwks: { keys: [] } } }],
    ['a private key', 'issuers[0].keys', { keys: { jwks: { keys: [privateJwk] } } }],
    ['a secret in a key set', 'issuers[0].keys', { keys: { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } } }],
    ['an address without TLS', 'issuers[0].keys', { keys: { url: 'http://id.example.com/jwks' } }],
    ['a file', 'issuers[0].keys', { keys: { url: 'file:///etc/keys', allowInsecure: true } }],
    ['no address', 'issuers[0].keys', { keys: { url: 'id.example.com' } }],
    ['no tenants', 'issuers[0].tenants', { tenants: [] }],
    ['tenants left out', 'issuers[0].tenants', { tenants: undefined as unknown as 'all' }],
    ['tenants that are no ids', 'issuers[0].tenants', { tenants: ['a b'] }],
    ['a tolerance of an hour', 'issuers[0].clockTolerance', { clockTolerance: 3_600_000 }],
    ['no claim', 'issuers[0].claim', { claim: '' }],
    ['an empty type', 'issuers[0].typ', { typ: '' }],
  ])('E5 cannot be made with %s', async (_, field, change) => {
    const error = await refusal('ARGUMENT_INVALID', () => make(change))
    expect(error.details.field).toBe(field)
    expect(shown(error)).not.toContain('xxxx')
  })

  it('E5 cannot be made without issuers, or with one twice', async () => {
    await refusal('ARGUMENT_INVALID', () => jwt({ issuers: [] }))
    await refusal('ARGUMENT_INVALID', () => jwt({ issuers: [base, { ...base, tenants: ['beta'] }] }))
    await refusal('ARGUMENT_INVALID', () => make({}, { onMissingClaim: 'default' as 'ignore' }))
  })
})
