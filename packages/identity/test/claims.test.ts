import { type AuditEntry, createTenancy, header, host, memoryRegistry, path, type TenancyOptions } from '@tenantry/core'
import { describe, expect, it } from 'vitest'
import {
  type JwtIssuer,
  jwt,
  type MappedClaim,
  memoryClaimMappings,
  memoryMemberships,
  type TenantClaims,
} from '../src/index.ts'
import { ecPair, recorder, refusal, signers, token } from './support.ts'

const pair = ecPair('ours')
const issuer = 'https://id.example.com'
const other = 'https://login.beta.example'
const audience = 'api'
const tokenOf = (claims: object) =>
  token(
    { alg: 'ES256', kid: 'ours' },
    { iss: issuer, aud: audience, exp: Math.floor(Date.now() / 1000) + 600, sub: 'jane', ...claims },
    signers.es256(pair.privateKey),
  )
const base = {
  ...{ issuer, audience, algorithms: ['ES256'], tenants: 'all' },
  keys: { jwks: { keys: [pair.jwk] } },
} as const satisfies JwtIssuer

function make(change: Partial<JwtIssuer>, options: Partial<TenancyOptions> = {}) {
  const entries: AuditEntry[] = []
  const issuers = [issuer, other].map(name => ({ ...base, issuer: name, ...change }))
  const tenancy = createTenancy({
    registry: memoryRegistry(['acme', 'acme-eu', 'beta', 'gamma'].map(id => ({ id, slug: id, name: id }))),
    resolvers: [
      jwt({ issuers, logger: recorder() }),
      header(),
      host({ baseDomains: ['example.com'], ownHosts: ['api.example.com'] }),
      path({ prefix: '/t' }),
    ],
    audit: { audit: async entry => void entries.push(entry) },
    logger: recorder(),
    ...options,
  })
  const ask = (claims: object, names: { id?: string; host?: string; path?: string } = {}) =>
    tenancy.serve(
      {
        target: names.path ?? '/',
        header(name) {
          if (name === 'authorization') return [`Bearer ${tokenOf(claims)}`]
          if (name === 'x-tenant-id') return names.id === undefined ? [] : [names.id]
          return name === 'host' ? [names.host ?? 'api.example.com'] : []
        },
      },
      tenant => {
        const evidence = tenancy.evidence()
        if (evidence.by !== 'request') throw new Error(evidence.by)
        return { tenant: tenant.id, role: evidence.sources.find(({ resolver }) => resolver === 'jwt')?.principal?.role }
      },
    )
  return { ask, entries }
}

const mappings: readonly TenantClaims[] = [
  { tenant: 'beta', issuer, match: ['beta'] },
  {
    ...{ tenant: 'acme-eu', issuer, claim: 'groups' },
    match: ['acme-eu-admins', 'acme-eu-viewers', 'acme-eu-staff'],
    roles: { 'acme-eu-admins': 'Admin', 'acme-eu-viewers': 'Viewer' },
  },
  { tenant: 'acme', issuer, claim: '/realm_access/roles', match: ['acme'], roles: { acme: 'Operator' } },
  { tenant: 'gamma', issuer, claim: 'https://gamma.example/org', match: ['g-1'] },
]

describe('claims that lead to tenants', () => {
  const { ask } = make({ mappings: memoryClaimMappings(mappings) })

  it('A15 A16 by the claim tenant, where nothing else is said', async () => {
    expect(await ask({ tenant: 'beta' })).toEqual({ tenant: 'beta', role: undefined })
    await refusal('CREDENTIAL_INVALID', () => ask({ tenant: 'Beta' }))
    await refusal('CREDENTIAL_INVALID', () => ask({ tenant: 'acme-eu' }))
    await refusal('CREDENTIAL_INVALID', () => ask({ tenant_id: 'beta' }))
  })

  it('A17 A18 by the claim of each tenant, several at once: a name, a path, a list of groups', async () => {
    expect(await ask({ groups: ['x', 'acme-eu-admins'] })).toEqual({ tenant: 'acme-eu', role: 'Admin' })
    expect(await ask({ groups: 'acme-eu-viewers' })).toEqual({ tenant: 'acme-eu', role: 'Viewer' })
    expect(await ask({ realm_access: { roles: ['acme'] } })).toEqual({ tenant: 'acme', role: 'Operator' })
    expect(await ask({ 'https://gamma.example/org': 'g-1' })).toEqual({ tenant: 'gamma', role: undefined })
  })

  it('A19 by any of its values', async () => {
    for (const group of ['acme-eu-admins', 'acme-eu-viewers', 'acme-eu-staff'])
      expect((await ask({ groups: [group] })).tenant).toBe('acme-eu')
  })

  it('A20 A21 C34 with the highest of the roles there, and no role elsewhere', async () => {
    expect(await ask({ groups: ['acme-eu-viewers', 'acme-eu-admins', 'acme-eu-staff'] })).toEqual({
      tenant: 'acme-eu',
      role: 'Admin',
    })
    expect(await ask({ groups: ['acme-eu-staff'] })).toEqual({ tenant: 'acme-eu', role: undefined })
    const both = { groups: ['acme-eu-admins'], tenant: 'beta' }
    expect(await ask(both, { id: 'beta' })).toEqual({ tenant: 'beta', role: undefined })
    expect(await ask(both, { id: 'acme-eu' })).toEqual({ tenant: 'acme-eu', role: 'Admin' })
  })

  it.each<[string, object]>([
    ['a value inside a text', { groups: 'x acme-eu-admins' }],
    ['a list in a list', { groups: [['acme-eu-admins']] }],
    ['an object in a list', { groups: [{ name: 'acme-eu-admins' }] }],
    ['the value of another claim', { tenant: 'acme-eu-admins' }],
    ['another claim with the value', { roles: ['acme'] }],
    ['a path through a list', { realm_access: [{ roles: 'acme' }] }],
    ['a path as a name', { '/realm_access/roles': ['acme'] }],
    ['a path as a name with dots', { 'realm_access.roles': ['acme'] }],
    ['what every object has', { tenant: 'constructor' }],
    ['nothing', {}],
  ])('A15 E5 C02 not by %s', async (_, claims) => {
    await refusal('CREDENTIAL_INVALID', () => ask(claims))
    await refusal('CREDENTIAL_INVALID', () => ask(claims, { id: 'acme-eu' }))
  })

  it('E6 not by the values of another issuer, nor for a tenant that it may not speak for', async () => {
    await refusal('CREDENTIAL_INVALID', () => ask({ iss: other, tenant: 'beta' }))
    const bound = make({ mappings: memoryClaimMappings(mappings), tenants: ['acme-eu'] })
    expect((await bound.ask({ tenant: 'beta', groups: ['acme-eu-admins'] })).tenant).toBe('acme-eu')
    await refusal('CREDENTIAL_INVALID', () => bound.ask({ tenant: 'beta' }))
    await refusal('TENANT_AMBIGUOUS', () => bound.ask({ tenant: 'beta', groups: ['acme-eu-admins'] }, { id: 'beta' }))
  })

  const both = { tenant: 'beta', groups: ['acme-eu-viewers'] }

  it('C33 C34 several are ambiguous until the request chooses, by header, host or path', async () => {
    await refusal('TENANT_AMBIGUOUS', () => ask(both))
    for (const tenant of ['beta', 'acme-eu']) {
      expect((await ask(both, { id: tenant })).tenant).toBe(tenant)
      expect((await ask(both, { host: `${tenant}.example.com` })).tenant).toBe(tenant)
      expect((await ask(both, { path: `/t/${tenant}/notes` })).tenant).toBe(tenant)
    }
  })

  it('C33 E7 what is chosen must be among them, and is written to the audit when not', async () => {
    for (const names of [{ id: 'gamma' }, { host: 'gamma.example.com' }, { path: '/t/gamma/' }, { id: 'nobody' }]) {
      const at = make({ mappings: memoryClaimMappings(mappings) })
      await refusal('TENANT_AMBIGUOUS', () => at.ask(both, names))
      expect(at.entries).toMatchObject([{ action: 'request.refused' }])
    }
    await refusal('TENANT_AMBIGUOUS', () => ask(both, { id: 'beta', host: 'acme-eu.example.com' }))
  })

  it('C33 a default of the memberships decides among them, and adds none', async () => {
    const memberships = memoryMemberships()
    const at = make({ mappings: memoryClaimMappings(mappings), memberships })
    const jane = { issuer, subject: 'jane' }
    await refusal('TENANT_AMBIGUOUS', () => at.ask(both))
    memberships.add(jane, { tenant: 'gamma', isDefault: true, role: 'Admin' })
    await refusal('TENANT_AMBIGUOUS', () => at.ask(both))
    await refusal('TENANT_AMBIGUOUS', () => at.ask(both, { id: 'gamma' }))
    memberships.add(jane, { tenant: 'acme-eu', isDefault: true, role: 'Admin' })
    // The role is that of the claims.
    expect(await at.ask(both)).toEqual({ tenant: 'acme-eu', role: 'Viewer' })
    await refusal('TENANT_AMBIGUOUS', () => at.ask({ ...both, sub: 'june' }))
    await refusal('CREDENTIAL_INVALID', () => at.ask({ ...both, sub: undefined }))
  })
})

describe('mappings of a configuration', () => {
  it.each<[string, readonly TenantClaims[], string]>([
    ['an unknown role', [{ tenant: 'a', issuer, match: ['x'], roles: { x: 'Root' } }], 'tenants[0].roles'],
    ['a role in other letters', [{ tenant: 'a', issuer, match: ['x'], roles: { x: 'admin' } }], 'tenants[0].roles'],
    ['a role of no value', [{ tenant: 'a', issuer, match: ['x'], roles: { y: 'Admin' } }], 'tenants[0].roles'],
    ['a value twice', [{ tenant: 'a', issuer, match: ['x', 'x'] }], 'tenants[0].match'],
    ['no value', [{ tenant: 'a', issuer, match: [] }], 'tenants[0].match'],
    ['an empty value', [{ tenant: 'a', issuer, match: [''] }], 'tenants[0].match'],
    ['no id', [{ tenant: 'a b', issuer, match: ['x'] }], 'tenants[0].tenant'],
    ['no claim', [{ tenant: 'a', issuer, claim: '', match: ['x'] }], 'tenants[0].claim'],
    ['a broken path', [{ tenant: 'a', issuer, claim: '/a~2', match: ['x'] }], 'tenants[0].claim'],
  ])('A21 C34 has not %s', async (_, tenants, field) => {
    const error = await refusal('ARGUMENT_INVALID', () => memoryClaimMappings(tenants))
    expect(error.details.field).toBe(field)
  })

  it('C34 a value is of one tenant, but in other claims or of other issuers', async () => {
    const twice = (more: Partial<TenantClaims>) =>
      memoryClaimMappings([
        { tenant: 'a', issuer, claim: 'groups', match: ['x'] },
        { tenant: 'b', issuer, claim: 'groups', match: ['y', 'x'], ...more },
      ])
    const error = await refusal('ARGUMENT_INVALID', () => twice({}))
    expect(error.details.field).toBe('tenants[1].match')
    twice({ claim: 'org' })
    twice({ issuer: other })
  })

  it('A21 other roles, in another order', async () => {
    const roles = ['Owner', 'Guest']
    const own = memoryClaimMappings(
      [{ tenant: 'acme', issuer, match: ['o', 'g'], roles: { o: 'Owner', g: 'Guest' } }],
      { roles },
    )
    expect(await make({ mappings: own, roles }).ask({ tenant: ['g', 'o'] })).toEqual({ tenant: 'acme', role: 'Owner' })
    const reversed = make({ mappings: own, roles: roles.toReversed() })
    expect(await reversed.ask({ tenant: ['g', 'o'] })).toEqual({ tenant: 'acme', role: 'Guest' })
    for (const bad of [[], ['a', 'a'], ['']])
      await refusal('ARGUMENT_INVALID', () => make({ mappings: own, roles: bad }))
  })

  it.each<[string, MappedClaim]>([
    ['an unknown role', { claim: 'tenant', value: 'x', tenant: 'acme', role: 'Root' }],
    ['another value', { claim: 'tenant', value: 'y', tenant: 'acme' }],
    ['no id', { claim: 'tenant', value: 'x', tenant: 'a b' }],
  ])('A21 a store that answers with %s is not believed', async (_, mapped) => {
    const store = { identityClaims: () => ['tenant'], findIdentities: () => [mapped] }
    await refusal('CONFIG_INVALID', () => make({ mappings: store }).ask({ tenant: 'x' }))
  })

  it('is not given beside a claim of ids or of roles', async () => {
    const own = memoryClaimMappings(mappings)
    await refusal('ARGUMENT_INVALID', () => make({ mappings: own, claim: 'tenant_id' }))
    await refusal('ARGUMENT_INVALID', () => make({ mappings: own, roleClaim: 'role' }))
  })
})

describe('memberships', () => {
  const jane = { issuer, subject: 'jane' }
  function members() {
    const memberships = memoryMemberships()
    memberships.add(jane, { tenant: 'acme', role: 'Admin' })
    memberships.add(jane, { tenant: 'beta', role: 'Viewer' })
    memberships.add({ issuer: other, subject: 'jane' }, { tenant: 'gamma' })
    return { memberships, ...make({ memberships }) }
  }

  it('C33 a token that names no tenant is good for those of its subject, each with its role', async () => {
    const { ask } = members()
    expect(await ask({}, { id: 'acme' })).toEqual({ tenant: 'acme', role: 'Admin' })
    expect(await ask({}, { host: 'beta.example.com' })).toEqual({ tenant: 'beta', role: 'Viewer' })
    expect(await ask({ iss: other }, { id: 'gamma' })).toEqual({ tenant: 'gamma', role: undefined })
  })

  it('C33 E7 and for no other: resolved is not authorised', async () => {
    const { ask, entries } = members()
    const attempts = [{ id: 'gamma' }, { host: 'gamma.example.com' }, { path: '/t/gamma/notes' }]
    for (const names of attempts) {
      expect((await refusal('TENANT_AMBIGUOUS', () => ask({}, names))).status).toBe(403)
      await refusal('TENANT_AMBIGUOUS', () => ask({ tenant_id: 'gamma' }, names))
    }
    expect(entries).toHaveLength(6)
    // One name, two people.
    await refusal('TENANT_AMBIGUOUS', () => ask({ iss: other }, { id: 'acme' }))
    await refusal('TENANT_AMBIGUOUS', () => ask({ sub: 'Jane' }, { id: 'acme' }))
    await refusal('CREDENTIAL_INVALID', () => ask({ sub: undefined }, { id: 'acme' }))
    await refusal('CREDENTIAL_INVALID', () => ask({ sub: '' }, { id: 'acme' }))
  })

  it('C33 a token that names a tenant is good for that one, as long as its subject is a member', async () => {
    const { ask, memberships } = members()
    expect(await ask({ tenant_id: 'acme' })).toEqual({ tenant: 'acme', role: 'Admin' })
    await refusal('TENANT_AMBIGUOUS', () => ask({ tenant_id: 'acme' }, { id: 'beta' }))
    await refusal('TENANT_AMBIGUOUS', () => ask({ tenant_id: 'acme' }, { host: 'beta.example.com' }))
    memberships.remove(jane, 'acme')
    await refusal('TENANT_AMBIGUOUS', () => ask({ tenant_id: 'acme' }))
  })

  it('C33 whoever chooses none is led to the only one, or the default; among several nothing is picked', async () => {
    const { ask, memberships } = members()
    await refusal('TENANT_AMBIGUOUS', () => ask({}))
    memberships.add(jane, { tenant: 'beta', role: 'Viewer', isDefault: true })
    expect((await ask({})).tenant).toBe('beta')
    memberships.add(jane, { tenant: 'acme', isDefault: true })
    expect(await ask({})).toEqual({ tenant: 'acme', role: undefined })
    memberships.remove(jane, 'acme')
    expect((await ask({})).tenant).toBe('beta')
    memberships.remove(jane, 'beta')
    await refusal('TENANT_AMBIGUOUS', () => ask({}))
    await refusal('TENANT_AMBIGUOUS', () => ask({ sub: 'nobody' }))
  })

  it('C33 A37 switching verifies again: what was taken away is gone with the next request, in which nothing else changed', async () => {
    const { ask, memberships } = members()
    await ask({}, { id: 'acme' })
    await ask({}, { id: 'beta' })
    memberships.remove(jane, 'beta')
    await refusal('TENANT_AMBIGUOUS', () => ask({}, { id: 'beta' }))
    expect((await ask({}, { id: 'acme' })).tenant).toBe('acme')
  })

  it('E6 its issuer must be allowed to speak for the tenant too', async () => {
    const { memberships } = members()
    const { ask } = make({ memberships, tenants: ['beta'] })
    await refusal('TENANT_AMBIGUOUS', () => ask({}, { id: 'acme' }))
    expect((await ask({}, { id: 'beta' })).tenant).toBe('beta')
  })

  it('C33 a store that answers about another tenant is not believed, and one that fails is no answer', async () => {
    const wrong = { find: () => ({ tenant: 'beta' }), list: () => [] }
    await refusal('CONFIG_INVALID', () => make({ memberships: wrong }).ask({}, { id: 'acme' }))
    const broken = { find: () => Promise.reject(new Error('down')), list: () => [] }
    await expect(make({ memberships: broken }).ask({}, { id: 'acme' })).rejects.toThrow('down')
  })

  it('takes no member without a name and no tenant without an id', async () => {
    const { memberships } = members()
    await refusal('ARGUMENT_INVALID', () => memberships.add({ issuer, subject: '' }, { tenant: 'acme' }))
    await refusal('ARGUMENT_INVALID', () => memberships.add({ issuer: '', subject: 'x' }, { tenant: 'acme' }))
    await refusal('ARGUMENT_INVALID', () => memberships.add(jane, { tenant: 'a b' }))
  })
})
