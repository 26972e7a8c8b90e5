import { createTenancy, header, memoryRegistry, type TenancyOptions } from '@tenantry/core'
import { describe, expect, it } from 'vitest'
import { apiKey, issueApiKey, jwt, memoryApiKeys } from '../src/index.ts'
import { ecPair, recorder, refusal, request, shown, signers, token } from './support.ts'

const pair = ecPair('ours')
const issuer = 'https://id.example.com'
const audience = 'https://api.example.com'
const tokenOf = (tenant: string, exp = Math.floor(Date.now() / 1000) + 60) =>
  `Bearer ${token({ alg: 'ES256', kid: 'ours' }, { iss: issuer, aud: audience, exp, tenant_id: tenant }, signers.es256(pair.privateKey))}`
const keys = { acme: issueApiKey('acme'), beta: issueApiKey('beta'), ghost: issueApiKey('ghost') }
const keyOf = (tenant: keyof typeof keys) => keys[tenant].key.reveal()

function chain(options: Partial<TenancyOptions> = {}, trusted = false) {
  const logger = recorder()
  const tenancy = createTenancy({
    registry: memoryRegistry([
      { id: 'acme', slug: 'acme', name: 'Acme', isDefault: true },
      { id: 'beta', slug: 'beta', name: 'Beta' },
    ]),
    resolvers: [
      jwt({
        issuers: [{ issuer, audience, algorithms: ['ES256'], keys: { jwks: { keys: [pair.jwk] } }, tenants: 'all' }],
        logger,
      }),
      apiKey({ keys: memoryApiKeys(Object.values(keys).map(({ record }) => record)) }),
      header({ trusted }),
    ],
    logger,
    ...options,
  })
  return { tenancy, logger, ask: (headers: Record<string, string>) => tenancy.resolve(request(headers)) }
}

describe('the chain of I04', () => {
  it('I04 C02 each source names the tenant; the header only where it is trusted', async () => {
    const { ask } = chain()
    expect((await ask({ authorization: tokenOf('beta') })).id).toBe('beta')
    expect((await ask({ 'x-api-key': keyOf('beta') })).id).toBe('beta')
    await refusal('TENANT_UNVERIFIED', () => ask({ 'x-tenant-id': 'beta' }))
    expect((await chain({}, true).ask({ 'x-tenant-id': 'beta' })).id).toBe('beta')
    await refusal('TENANT_ABSENT', () => ask({}))
    await refusal('TENANT_CREDENTIALS_REQUIRED', () => chain({ absentStatus: 401 }).ask({}))
  })

  it('I04 all of them may name one tenant', async () => {
    const all = { authorization: tokenOf('beta'), 'x-api-key': keyOf('beta'), 'x-tenant-id': 'beta' }
    expect((await chain().ask(all)).id).toBe('beta')
    expect((await chain({}, true).ask(all)).id).toBe('beta')
  })

  it.each<[string, Record<string, string>]>([
    ['a token and a key', { authorization: tokenOf('acme'), 'x-api-key': keyOf('beta') }],
    ['a key and a token', { authorization: tokenOf('beta'), 'x-api-key': keyOf('acme') }],
    ['a token and a header', { authorization: tokenOf('acme'), 'x-tenant-id': 'beta' }],
    ['a key and a header', { 'x-api-key': keyOf('acme'), 'x-tenant-id': 'beta' }],
    [
      'two that agree and a header',
      { authorization: tokenOf('acme'), 'x-api-key': keyOf('acme'), 'x-tenant-id': 'beta' },
    ],
  ])('I46 E7 C03 %s that name different tenants are refused, trusted header or not', async (_, headers) => {
    for (const trusted of [false, true]) {
      const error = await refusal('TENANT_AMBIGUOUS', () => chain({}, trusted).ask(headers))
      expect(error.status).toBe(403)
    }
  })

  it('I04 C03 by option the first decides, in the order of the document', async () => {
    const { ask } = chain({ onConflict: 'first' }, true)
    const token = { authorization: tokenOf('beta') }
    const key = { 'x-api-key': keyOf('acme') }
    const name = { 'x-tenant-id': 'beta' }
    expect((await ask({ ...token, ...key, ...name })).id).toBe('beta')
    expect((await ask({ ...key, ...name })).id).toBe('acme')
    expect((await ask(name)).id).toBe('beta')
  })

  it.each<[string, Record<string, string>]>([
    ['an expired token', { authorization: tokenOf('acme', 1), 'x-api-key': keyOf('acme'), 'x-tenant-id': 'acme' }],
    ['an unknown key', { 'x-api-key': `acme_sk_${'A'.repeat(32)}`, 'x-tenant-id': 'acme' }],
    [
      'an unknown key beside a good token',
      { authorization: tokenOf('acme'), 'x-api-key': `acme_sk_${'A'.repeat(32)}` },
    ],
    ['a malformed key', { 'x-api-key': 'acme', 'x-tenant-id': 'acme' }],
  ])('C02 %s falls back to nothing: not to another source, not to the default tenant', async (_, headers) => {
    const { ask, logger } = chain({ onUnresolved: 'default' }, true)
    await refusal('CREDENTIAL_INVALID', () => ask(headers))
    expect(shown(logger.records)).not.toMatch(/eyJ|_sk_/)
  })

  it('I46 a key or token of a tenant that is no more is refused, default tenant or not', async () => {
    const { ask } = chain({ onUnresolved: 'default' }, true)
    await refusal('TENANT_NOT_FOUND', () => ask({ 'x-api-key': keyOf('ghost') }))
    await refusal('TENANT_NOT_FOUND', () => ask({ authorization: tokenOf('ghost') }))
  })

  it('I48 no key and no token is in a trace or in the log of a request', async () => {
    const { tenancy, logger } = chain()
    const headers = { authorization: tokenOf('acme'), 'x-api-key': keyOf('beta'), 'x-tenant-id': 'acme' }
    const trace = await tenancy.explain(request(headers))
    await refusal('TENANT_AMBIGUOUS', () => tenancy.resolve(request(headers)))
    expect(trace.steps).toHaveLength(3)
    expect(shown(trace) + shown(logger.records)).not.toMatch(/eyJ|_sk_/)
  })
})
