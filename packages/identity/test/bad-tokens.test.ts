import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createTenancy,
  header,
  isTenancyError,
  memoryRegistry,
  nodeRequestView,
  problemOf,
  secret,
} from '@tenantry/core'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { apiKey, issueApiKey, jwt, memoryApiKeys } from '../src/index.ts'
import { type KeyServer, keyServer } from './key-server.ts'
import { bearer, ecPair, encode, recorder, refusal, request, shown, signers, token } from './support.ts'

const ours = ecPair('ours')
const theirs = ecPair('theirs')
const attacker = ecPair('ours')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const shared = 'a secret that both sides know, of 32 bytes and more'

const us = 'https://id.example.com'
const customer = 'https://idp.beta.example'
const symmetric = 'https://batch.example.com'
const audience = 'https://api.example.com'
const logger = recorder()
const resolver = jwt({
  issuers: [
    {
      issuer: us,
      audience,
      algorithms: ['ES256', 'RS256'],
      keys: { jwks: { keys: [ours.jwk, rsaJwk()] } },
      tenants: 'all',
    },
    { issuer: customer, audience, algorithms: ['ES256'], keys: { jwks: { keys: [theirs.jwk] } }, tenants: ['beta'] },
    { issuer: symmetric, audience, algorithms: ['HS256'], keys: { secret: secret(shared) }, tenants: ['acme'] },
  ],
  logger,
})
function rsaJwk() {
  return { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'rsa', use: 'sig', alg: 'RS256' }
}

const now = Math.floor(Date.now() / 1000)
const canary = 'CANARY'
const head = { alg: 'ES256', kid: 'ours', typ: 'JWT' }
const body = { iss: us, aud: audience, exp: now + 3600, tenant_id: 'acme', sub: canary }
const sign = signers.es256(ours.privateKey)
const forge = signers.es256(attacker.privateKey)
/** A good token but for what is given, and well signed. */
const but = (claims: object, headers: object = {}) => token({ ...head, ...headers }, { ...body, ...claims }, sign)
const without = (...names: string[]) =>
  token(head, Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name))), sign)
const good = token(head, body, sign)
const [h = '', p = '', s = ''] = good.split('.')
const pem = ours.publicKey.export({ format: 'pem', type: 'spki' }) as string
const rsaPem = rsa.publicKey.export({ format: 'pem', type: 'spki' }) as string
const raw = (text: string) => token(head, text, sign)
const json = JSON.stringify(body)
const flipped = (part: string) => `${part.startsWith('A') ? 'B' : 'A'}${part.slice(1)}`

let outside: KeyServer
beforeAll(async () => {
  outside = await keyServer({ keys: [attacker.jwk] })
})
afterAll(() => outside.close())

const bad: [string, () => string][] = [
  // No signature, or one by other rules.
  ['alg none, no signature', () => token({ alg: 'none' }, body, signers.nobody())],
  ['alg none, the signature of another token', () => `${encode({ alg: 'none' })}.${p}.${s}`],
  ['alg None', () => token({ ...head, alg: 'None' }, body, signers.nobody())],
  ['alg nOnE, signed', () => token({ ...head, alg: 'nOnE' }, body, sign)],
  ['alg NONE with a signature by nobody', () => token({ ...head, alg: 'NONE' }, body, forge)],
  ['no signature part', () => `${h}.${p}`],
  ['an empty signature', () => `${h}.${p}.`],
  ['a signature of zeros', () => `${h}.${p}.${Buffer.alloc(64).toString('base64url')}`],
  ['no alg', () => token({ kid: 'ours' }, body, sign)],
  ['alg null', () => token({ ...head, alg: null }, body, sign)],
  ['alg as a list', () => token({ ...head, alg: ['ES256'] }, body, sign)],
  ['alg in lower case', () => token({ ...head, alg: 'es256' }, body, sign)],
  ['ALG for alg', () => token({ ALG: 'ES256', kid: 'ours' }, body, sign)],
  ['alg constructor', () => token({ ...head, alg: 'constructor' }, body, sign)],
  ['alg __proto__', () => token(`{"__proto__":{"alg":"ES256"},"kid":"ours"}`, body, sign)],
  // Keys of one kind for another (RFC 8725, section 2.1).
  ['HS256 with the public key as text', () => token({ alg: 'HS256', kid: 'ours' }, body, signers.hs256(pem))],
  ['HS256 with the public key of RSA', () => token({ alg: 'HS256', kid: 'rsa' }, body, signers.hs256(rsaPem))],
  ['HS256 with the public key as JWK', () => token({ alg: 'HS256' }, body, signers.hs256(JSON.stringify(ours.jwk)))],
  [
    'HS256 with the public key in DER',
    () => token({ alg: 'HS256' }, body, signers.hs256(createPublicKey(pem).export({ format: 'der', type: 'spki' }))),
  ],
  ['HS256 with an empty secret', () => token({ alg: 'HS256' }, body, signers.hs256(''))],
  ['HS256 of another issuer’s secret', () => token({ alg: 'HS256' }, body, signers.hs256(shared))],
  ['ES256 at the issuer with a secret', () => token(head, { ...body, iss: symmetric }, sign)],
  ['HS512 where HS256 is agreed', () => token({ alg: 'HS512' }, { ...body, iss: symmetric }, signers.hs256(shared))],
  ['RS256 said, ES256 signed', () => token({ alg: 'RS256', kid: 'ours' }, body, sign)],
  ['ES256 said, RS256 signed', () => token(head, body, signers.rs256(rsa.privateKey))],
  ['PS256, which is not agreed', () => token({ alg: 'PS256', kid: 'rsa' }, body, signers.rs256(rsa.privateKey))],
  // Keys that the token brings or points to.
  ['another key of the same kid', () => token(head, body, forge)],
  ['a kid that nobody has', () => token({ ...head, kid: 'new' }, body, forge)],
  ['a kid that is a path', () => token({ ...head, kid: '../../../../dev/null' }, body, signers.hs256(''))],
  ['a kid that is SQL', () => token({ ...head, kid: "x' union select 'key" }, body, forge)],
  ['a kid that is an address', () => token({ ...head, kid: `${outside.url}/kid` }, body, forge)],
  ['a kid that is a number', () => token({ ...head, kid: 0 }, body, forge)],
  ['a kid that is an object', () => token({ ...head, kid: { $ne: null } }, body, forge)],
  ['a kid with NUL', () => token({ ...head, kid: 'ours\0' }, body, forge)],
  ['jku to a key set of the attacker', () => token({ ...head, jku: `${outside.url}/jku` }, body, forge)],
  ['x5u to a certificate of the attacker', () => token({ ...head, x5u: `${outside.url}/x5u` }, body, forge)],
  ['jwk with the key of the attacker', () => token({ ...head, jwk: attacker.jwk }, body, forge)],
  ['x5c with a certificate', () => token({ ...head, x5c: [encode('certificate')] }, body, forge)],
  // Extensions and types.
  ['crit with an unknown name', () => but({}, { crit: ['exp'], exp: 1 })],
  ['crit that is empty', () => but({}, { crit: [] })],
  ['crit with b64', () => but({}, { crit: ['b64'], b64: true })],
  ['a payload that is not encoded', () => token({ ...head, crit: ['b64'], b64: false }, body, sign)],
  ['b64 without crit', () => but({}, { b64: false })],
  ['typ of a logout token', () => but({}, { typ: 'logout+jwt' })],
  ['typ of a proof of possession', () => but({}, { typ: 'dpop+jwt' })],
  ['typ that is no text', () => but({}, { typ: ['JWT'] })],
  ['typ null', () => but({}, { typ: null })],
  ['a nested token', () => token({ ...head, cty: 'JWT' }, good, sign)],
  ['a nested token as text', () => raw(JSON.stringify(good))],
  ['five parts, as of an encrypted token', () => `${h}.${p}.${s}.${p}.${s}`],
  ['JSON serialization', () => JSON.stringify({ protected: h, payload: p, signature: s })],
  // Issuer, audience, time.
  ['no iss', () => without('iss')],
  ['another iss', () => but({ iss: 'https://evil.example' })],
  ['iss with a slash more', () => but({ iss: `${us}/` })],
  ['iss in capitals', () => but({ iss: us.toUpperCase() })],
  ['iss as a list', () => but({ iss: [us] })],
  ['iss of another configured issuer', () => but({ iss: customer })],
  ['no aud', () => without('aud')],
  ['another aud', () => but({ aud: 'https://other.example.com' })],
  ['aud that begins the same', () => but({ aud: `${audience}.evil.example` })],
  ['aud that is an empty list', () => but({ aud: [] })],
  ['aud that is an object', () => but({ aud: { 0: audience } })],
  ['aud null', () => but({ aud: null })],
  ['no exp', () => without('exp')],
  ['an exp that is over', () => but({ exp: now - 60 })],
  ['exp of this second', () => but({ exp: Math.floor(Date.now() / 1000) })],
  ['exp as text', () => but({ exp: String(now + 3600) })],
  ['exp null', () => but({ exp: null })],
  ['exp without end', () => raw(json.replace(`"exp":${now + 3600}`, '"exp":1e999'))],
  ['nbf in an hour', () => but({ nbf: now + 3600 })],
  ['nbf as text', () => but({ nbf: String(now - 10) })],
  ['sub as a number', () => but({ sub: 7 })],
  ['sub as an object', () => but({ sub: { $ne: null } })],
  ['jti as a list', () => but({ jti: ['a'] })],
  ['iat as text', () => but({ iat: 'yesterday' })],
  // The tenant.
  ['no claim of a tenant', () => without('tenant_id')],
  ['the claim in capitals', () => token(head, { ...body, tenant_id: undefined, TENANT_ID: 'acme' }, sign)],
  ['the claim inside another', () => token(head, { ...body, tenant_id: undefined, app: { tenant_id: 'acme' } }, sign)],
  ['the claim inherited', () => raw(json.replace('"tenant_id":"acme"', '"__proto__":{"tenant_id":"acme"}'))],
  ['a list of tenants', () => but({ tenant_id: ['acme'] })],
  ['two tenants', () => but({ tenant_id: ['acme', 'beta'] })],
  ['tenant as an object', () => but({ tenant_id: { $ne: '' } })],
  ['tenant null', () => but({ tenant_id: null })],
  ['tenant empty', () => but({ tenant_id: '' })],
  ['tenant as a number', () => but({ tenant_id: 7 })],
  ['tenant with a space', () => but({ tenant_id: 'acme ' })],
  ['tenant with NUL', () => but({ tenant_id: 'acme\0' })],
  ['tenant with a Cyrillic letter', () => but({ tenant_id: 'аcme' })],
  ['tenant that holds _sk_', () => but({ tenant_id: 'acme_sk_x' })],
  ['tenant that is a path', () => but({ tenant_id: '../beta' })],
  ['tenant of 65 characters', () => but({ tenant_id: 'a'.repeat(65) })],
  // One issuer for another's tenant (E6).
  [
    'B’s issuer with A’s claim',
    () => token({ ...head, kid: 'theirs' }, { ...body, iss: customer }, signers.es256(theirs.privateKey)),
  ],
  ['B’s key with A’s issuer', () => token({ ...head, kid: 'theirs' }, body, signers.es256(theirs.privateKey))],
  ['B’s key under A’s kid', () => token(head, body, signers.es256(theirs.privateKey))],
  [
    'a secret’s issuer with a tenant that is not its own',
    () => token({ alg: 'HS256' }, { ...body, iss: symmetric, tenant_id: 'beta' }, signers.hs256(shared)),
  ],
  // Names that stand twice: which one counts depends on who reads.
  ['tenant_id twice', () => raw(json.replace('"tenant_id"', '"tenant_id":"beta","tenant_id"'))],
  ['tenant_id twice, once escaped', () => raw(json.replace('"tenant_id"', '"tenant\\u005fid":"beta","tenant_id"'))],
  ['iss twice', () => raw(json.replace('"iss"', `"iss":"${customer}","iss"`))],
  ['exp twice', () => raw(json.replace('"exp"', '"exp":1,"exp"'))],
  ['a name twice deep inside', () => raw(json.replace('{', '{"a":[{"b":{"c":1,"c":2}}],'))],
  ['alg twice', () => token('{"alg":"none","alg":"ES256","kid":"ours"}', body, sign)],
  ['kid twice', () => token('{"alg":"ES256","kid":"x","kid":"ours"}', body, sign)],
  // Shapes.
  ['a changed payload', () => `${h}.${encode({ ...body, tenant_id: 'beta' })}.${s}`],
  ['a changed header', () => `${encode({ ...head, x: 1 })}.${p}.${s}`],
  ['a changed signature', () => `${h}.${p}.${flipped(s)}`],
  ['a truncated signature', () => `${h}.${p}.${s.slice(0, -4)}`],
  ['a longer signature', () => `${h}.${p}.${s}AAAA`],
  ['a signature in DER', () => token(head, body, signers.rs256(ours.privateKey))],
  ['a truncated payload', () => `${h}.${p.slice(0, -4)}.${s}`],
  ['a fourth part', () => `${good}.x`],
  ['a dot at the end', () => `${good}.`],
  ['a dot in front', () => `.${good}`],
  ['parts in another order', () => `${p}.${h}.${s}`],
  ['padding', () => `${h}.${p}.${s}==`],
  ['base64 for base64url', () => `${h}.${p}.${Buffer.from(s, 'base64url').toString('base64')}`],
  ['bits that base64url does not use', () => `${h}.${p}.${s.slice(0, -1)}${s.endsWith('B') ? 'C' : 'B'}`],
  ['a payload that is a list', () => raw(`[${json}]`)],
  ['a payload that is null', () => raw('null')],
  ['a payload that is a number', () => raw('7')],
  ['a payload that is not JSON', () => raw(json.slice(0, -1))],
  ['trailing data behind the JSON', () => raw(`${json}{}`)],
  ['a byte order mark', () => raw(`\ufeff${json}`)],
  ['a NUL behind the JSON', () => raw(`${json}\0`)],
  [
    'bytes that are not UTF-8',
    () => {
      const payload = Buffer.concat([Buffer.from(`${json.slice(0, -1)},"x":"`), Buffer.from([0xff]), Buffer.from('"}')])
      const input = `${h}.${payload.toString('base64url')}`
      return `${input}.${sign(input).toString('base64url')}`
    },
  ],
  ['an empty payload', () => token(head, '', sign)],
  ['a huge token', () => but({ padding: 'x'.repeat(9000) })],
  ['very deep JSON', () => raw(`${'['.repeat(3000)}${']'.repeat(3000)}`)],
  ['nothing', () => ''],
  ['one dot', () => '.'],
  ['two dots', () => '..'],
  ['an API key', () => 'acme_sk_ABCDEFGHIJKLMNOPQRSTUVWXYZ'],
]

describe('bad tokens', () => {
  const { key, record } = issueApiKey('acme')
  const tenancy = createTenancy({
    registry: memoryRegistry([
      { id: 'acme', slug: 'acme', name: 'Acme', isDefault: true },
      { id: 'beta', slug: 'beta', name: 'Beta' },
    ]),
    resolvers: [resolver, apiKey({ keys: memoryApiKeys([record]) }), header({ trusted: true })],
    onUnresolved: 'default',
    onConflict: 'first',
    logger,
  })
  const http = createServer((incoming, response) => {
    tenancy
      .serve(nodeRequestView(incoming), tenant => tenant.id)
      .then(
        id => response.end(id),
        (error: unknown) => {
          if (!isTenancyError(error)) return response.destroy()
          const { status, headers, body } = problemOf(error)
          response.writeHead(status, headers).end(JSON.stringify(body))
        },
      )
  })
  beforeAll(() => new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve)))
  afterAll(() => new Promise<void>(resolve => http.close(() => resolve())))
  const send = async (value: string) => {
    const headers = { ...fallbacks, authorization: `Bearer ${value}`, connection: 'close' }
    return await fetch(`http://127.0.0.1:${(http.address() as AddressInfo).port}/v1/models`, { headers })
  }
  const fallbacks = { 'x-api-key': key.reveal(), 'x-tenant-id': 'acme' }

  it('are at least sixty, and the token that they are made of is good', async () => {
    expect(new Set(bad.map(([name]) => name)).size).toBe(bad.length)
    expect(bad.length).toBeGreaterThan(60)
    expect(await resolver.resolve(bearer(good))).toEqual({
      key: { kind: 'id', value: 'acme' },
      trust: 'verified',
      principal: { issuer: us, subject: canary },
    })
    expect((await tenancy.resolve(request({ ...fallbacks, authorization: `Bearer ${good}` }))).id).toBe('acme')
  })

  it.each(bad)('E5 E6 C02 are refused and nothing else is asked: %s', async (_, make) => {
    const value = make()
    logger.records.length = 0
    const attempt = () => tenancy.resolve(request({ ...fallbacks, authorization: `Bearer ${value}` }))
    const error = await refusal('CREDENTIAL_INVALID', attempt)
    // One answer for all: neither the message nor anything else tells what was wrong, or shows the token.
    expect(error.details).toEqual({ source: 'jwt' })
    expect(error.cause).toBeUndefined()
    const trace = await tenancy.explain(request({ ...fallbacks, authorization: `Bearer ${value}` }))
    expect(trace).toMatchObject({ outcome: 'invalid', steps: [{ by: 'jwt' }] })
    const told = shown(error) + shown(trace) + shown(logger.records)
    expect(told).not.toContain(canary)
    for (const part of value.split('.')) if (part.length > 12) expect(told).not.toContain(part)
  })

  it('E5 E6 the good token is served over HTTP', async () => {
    const answer = await send(good)
    expect([answer.status, await answer.text()]).toEqual([200, 'acme'])
  })

  // Behind a good key, a trusted header and a default tenant, none of which is asked.
  it.each(bad)('E5 E6 C02 end in 401 over HTTP, with one body: %s', async (_, make) => {
    const answer = await send(make())
    const { status, code } = (await answer.json()) as { status: number; code: string }
    expect([answer.status, status, code]).toEqual([401, 401, 'CREDENTIAL_INVALID'])
    expect(answer.headers.get('www-authenticate')).not.toBeNull()
  })

  it('E5 never lead to an address that a token names', () => {
    expect(outside.requests).toEqual([])
  })

  it('E5 are what is left of a good token when any one character of it changes, but for none', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= ,'
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.constantFrom(...alphabet), async (at, letter) => {
        fc.pre(good[at] !== letter)
        const value = `${good.slice(0, at)}${letter}${good.slice(at + 1)}`
        await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(value)))
      }),
      { numRuns: 1000 },
    )
  })

  it('E5 are whatever else one may send behind Bearer', async () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json().map(encode),
      fc.constantFrom(h, p, s, '', encode(head), encode(body)),
    )
    const value = fc.oneof(
      fc.array(part, { maxLength: 5 }).map(parts => parts.join('.')),
      fc.string({ unit: 'binary', maxLength: 200 }),
    )
    await fc.assert(
      fc.asyncProperty(value, async text => {
        fc.pre(text !== good)
        await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(text)))
      }),
      { numRuns: 2000 },
    )
  })

  it('E5 are those of any claims that somebody else signs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async claims => {
        const value = token(head, { ...claims, ...body }, forge)
        await refusal('CREDENTIAL_INVALID', () => resolver.resolve(bearer(value)))
      }),
    )
  })
})
