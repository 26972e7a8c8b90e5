import { type AuditEntry, createTenancy, header, host, memoryRegistry, path, type Resolver } from '@tenantry/core'
import { describe, expect, it } from 'vitest'
import {
  apiKey,
  issueApiKey,
  type JwtIssuer,
  jwt,
  memoryApiKeys,
  memoryClaimMappings,
  memoryMemberships,
} from '../src/index.ts'
import { ecPair, recorder, refusal, signers, token } from './support.ts'

const pair = ecPair('ours')
const issuer = 'https://id.example.com'
const base = {
  ...{ issuer, audience: 'api', algorithms: ['ES256'], tenants: 'all' },
  keys: { jwks: { keys: [pair.jwk] } },
} as const satisfies JwtIssuer
const tokenOf = (claims: object) =>
  token(
    { alg: 'ES256', kid: 'ours' },
    { iss: issuer, aud: 'api', exp: Math.floor(Date.now() / 1000) + 600, ...claims },
    signers.es256(pair.privateKey),
  )
const tenants = ['acme', 'beta'] as const
type TenantName = (typeof tenants)[number]
const keys = { acme: issueApiKey('acme'), beta: issueApiKey('beta') }
const memberships = memoryMemberships()
for (const tenant of tenants) memberships.add({ issuer, subject: tenant }, { tenant })
const mappings = memoryClaimMappings(
  tenants.map(tenant => ({
    tenant,
    issuer,
    claim: 'groups',
    match: [`${tenant}-admins`],
    roles: { [`${tenant}-admins`]: 'Admin' },
  })),
)
const named = (name: string, resolver: Resolver): Resolver => ({ ...resolver, name })
const logger = recorder()

/** Every way in which a request names a tenant, each by a header of its own or by its target. */
const sources: readonly {
  readonly name: string
  readonly resolver: Resolver
  readonly sent: (tenant: TenantName) => readonly [header: string, value: string]
}[] = [
  {
    name: 'token',
    resolver: jwt({ issuers: [base], logger }),
    sent: tenant => ['authorization', `Bearer ${tokenOf({ tenant_id: tenant, jti: `token-${tenant}` })}`],
  },
  {
    name: 'claims',
    resolver: jwt({ issuers: [{ ...base, mappings }], header: 'x-id-token', logger }),
    sent: tenant => ['x-id-token', tokenOf({ groups: [`${tenant}-admins`] })],
  },
  {
    name: 'member',
    resolver: jwt({ issuers: [{ ...base, memberships }], header: 'x-session', logger }),
    sent: tenant => ['x-session', tokenOf({ sub: tenant })],
  },
  {
    name: 'api key',
    resolver: apiKey({ keys: memoryApiKeys([keys.acme.record, keys.beta.record]) }),
    sent: tenant => ['x-api-key', keys[tenant].key.reveal()],
  },
  { name: 'header', resolver: header(), sent: tenant => ['x-tenant-id', tenant] },
  { name: 'gateway', resolver: header({ name: 'x-gateway', trusted: true }), sent: tenant => ['x-gateway', tenant] },
  { name: 'host', resolver: host({ baseDomains: ['example.com'] }), sent: tenant => ['host', `${tenant}.example.com`] },
  { name: 'path', resolver: path({ prefix: '/t' }), sent: tenant => [':path', `/t/${tenant}/notes`] },
]

function make(order = sources) {
  const entries: AuditEntry[] = []
  const tenancy = createTenancy({
    registry: memoryRegistry([
      { id: 'acme', slug: 'acme', name: 'Acme', isDefault: true },
      { id: 'beta', slug: 'beta', name: 'Beta' },
    ]),
    resolvers: order.map(({ name, resolver }) => named(name, resolver)),
    onUnresolved: 'default',
    audit: { audit: async entry => void entries.push(entry) },
    logger,
  })
  const ask = (...sent: readonly (readonly [string, string])[]) => {
    const values = new Map(sent)
    return tenancy.serve(
      { target: values.get(':path') ?? '/', header: name => [values.get(name) ?? []].flat() },
      tenant => tenant.id,
    )
  }
  return { entries, ask }
}

const pairs = sources.flatMap(one =>
  sources.filter(other => other !== one).map(other => [one.name, other.name, one, other] as const),
)

describe('sources that disagree, every pair of them', () => {
  it('are fifty-six pairs', () => {
    expect(pairs).toHaveLength(56)
  })

  it.each(pairs)(
    'E7 I46 C03 %s of A beside %s of B is refused with 403, and both are in the audit',
    async (_a, _b, one, other) => {
      for (const order of [sources, sources.toReversed()]) {
        const { ask, entries } = make(order)
        const error = await refusal('TENANT_AMBIGUOUS', () => ask(one.sent('acme'), other.sent('beta')))
        expect(error.status).toBe(403)
        expect(entries).toHaveLength(1)
        const [entry] = entries
        expect(entry).toMatchObject({ action: 'request.refused', details: { code: 'TENANT_AMBIGUOUS' } })
        const { sources: told } = (entry?.details ?? { sources: [] }) as { sources: { by: string }[] }
        expect(told.map(({ by }) => by).sort()).toEqual([one.name, other.name].sort())
        expect(JSON.stringify(entries)).not.toMatch(/eyJ|_sk_/)
      }
    },
  )

  it.each(pairs)(
    'C03 %s beside %s of the same tenant is served, and nothing is written',
    async (_a, _b, one, other) => {
      const { ask, entries } = make()
      for (const tenant of tenants) expect(await ask(one.sent(tenant), other.sent(tenant))).toBe(tenant)
      expect(entries).toEqual([])
    },
  )

  it('E7 one of all that names another is enough', async () => {
    for (const odd of sources) {
      const { ask, entries } = make()
      await refusal('TENANT_AMBIGUOUS', () => ask(...sources.map(each => each.sent(each === odd ? 'beta' : 'acme'))))
      expect(entries).toHaveLength(1)
    }
    expect(await make().ask(...sources.map(each => each.sent('beta')))).toBe('beta')
  })

  it('I46 the ids of the credentials are in the audit', async () => {
    const { ask, entries } = make()
    const [one, , , key] = sources
    await refusal('TENANT_AMBIGUOUS', () => ask(one?.sent('acme') ?? ['', ''], key?.sent('beta') ?? ['', '']))
    expect(entries[0]?.details).toEqual({
      code: 'TENANT_AMBIGUOUS',
      sources: [
        { by: 'token', tenant: 'acme', credential: 'token-acme' },
        { by: 'api key', tenant: 'beta', credential: keys.beta.record.id },
      ],
    })
  })
})
