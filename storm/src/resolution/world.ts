import { memoryRegistry, type TenantStatus } from '@tenantry/core'
import { issueApiKey, type JwtIssuer, memoryApiKeys, memoryClaimMappings, memoryMemberships } from '@tenantry/identity'
import { badCredential, badRequest, type Meaning, nothing, type Signal } from './meaning.ts'
import { tokenMaker } from './tokens.ts'

/** The tenants that there are; `ghost` is none. */
export const statuses: Readonly<Record<string, TenantStatus>> = {
  acme: 'active',
  beta: 'active',
  home: 'active',
  shut: 'suspended',
  gone: 'archived',
  soon: 'provisioning',
}
const names = [...Object.keys(statuses), 'ghost']
const there = (name: string) => (Object.hasOwn(statuses, name) ? name : undefined)

const ours = tokenMaker()
const theirs = tokenMaker()
const [us, customer, provider, directory] = ['https://us', 'https://customer', 'https://provider', 'https://directory']
const issuerOf = (issuer: string, { jwk }: typeof ours): JwtIssuer => ({
  ...{ issuer, audience: 'api', algorithms: ['ES256'], tenants: 'all' },
  keys: { jwks: { keys: [jwk] } },
})

const memberships = memoryMemberships()
const members: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  both: { acme: 'Admin', beta: 'Viewer' },
  one: { beta: 'Operator' },
  odd: { gone: 'Admin', ghost: 'Admin' },
  late: { shut: 'Viewer', soon: 'Viewer', acme: 'Viewer' },
  none: {},
}
for (const [subject, roles] of Object.entries(members))
  for (const [tenant, role] of Object.entries(roles))
    memberships.add(
      { issuer: directory, subject },
      { tenant, role, isDefault: subject === 'late' && tenant === 'acme' },
    )

const groups = { acme: ['acme-admins', 'acme-viewers'], beta: ['beta'], gone: ['gone'], ghost: ['ghost'] } as const
const mappings = memoryClaimMappings(
  Object.entries(groups).map(([tenant, match]) => ({
    ...{ tenant, issuer: provider, claim: 'groups', match },
    roles: Object.fromEntries(match.map(value => [value, value === 'acme-admins' ? 'Admin' : 'Viewer'])),
  })),
)

/** Who signs tokens here. */
export const issuers: readonly JwtIssuer[] = [
  issuerOf(us, ours),
  { ...issuerOf(customer, theirs), tenants: ['beta'] },
  { ...issuerOf(provider, ours), mappings },
  { ...issuerOf(directory, ours), memberships },
]
export const registry = memoryRegistry(
  Object.entries(statuses).map(([id, status]) => ({
    ...{ id, slug: id, name: id, status, domains: [`${id}-corp.test`] },
    ...(id === 'home' && { isDefault: true }),
  })),
)

const issued = names.map(name => ({ name, ...issueApiKey(name) }))
const revoked = issueApiKey('acme')
const ended = issueApiKey('beta', { lifetime: 1 })
export const keys = memoryApiKeys([...issued, revoked, ended].map(({ record }) => record))
keys.revoke(revoked.record.id)

const verified = (tenant: string | undefined, role?: string): Meaning => ({
  ...{ is: 'name', tenant, trust: 'verified', ...(role !== undefined && { role }) },
})
const one = (value: string, means: Meaning): Signal => ({ values: [value], means })
const absent: Signal = { values: [], means: nothing }
const twice = (value: string): Signal => ({ values: [value, value], means: badRequest })

function grantOf(subject: string): Meaning {
  const roles = members[subject] ?? {}
  const [first, second] = Object.keys(roles)
  const home = subject === 'late' ? 'acme' : second === undefined ? first : undefined
  return { is: 'grant', roles, ...(home !== undefined && { home }) }
}
const forMember = (subject: string) => ours.make({ iss: directory, sub: subject })

const good = ours.make({ iss: us, tenant_id: 'acme' })
const tokens: readonly (readonly [token: string, means: Meaning])[] = [
  ...names.map(name => [ours.make({ iss: us, tenant_id: name }), verified(there(name))] as const),
  [theirs.make({ iss: customer, tenant_id: 'beta' }), verified('beta')],
  [theirs.make({ iss: customer, tenant_id: 'acme' }), badCredential],
  [theirs.make({ iss: us, tenant_id: 'acme' }), badCredential],
  [ours.make({ iss: us, tenant_id: 'acme', exp: 1 }), badCredential],
  [ours.make({ iss: us, tenant_id: 'acme', aud: 'other' }), badCredential],
  [ours.make({ iss: us, tenant_id: 'acme' }, { alg: 'none' }), badCredential],
  [ours.make({ iss: us }), badCredential],
  [ours.make({ iss: 'https://nobody', tenant_id: 'acme' }), badCredential],
  [`${good.slice(0, -4)}AAAA`, badCredential],
  ['acme', badCredential],
  [ours.make({ iss: provider, groups: ['beta', 'x'] }), verified('beta', 'Viewer')],
  [ours.make({ iss: provider, groups: ['acme-viewers', 'acme-admins'] }), verified('acme', 'Admin')],
  [ours.make({ iss: provider, groups: ['ghost'] }), verified(undefined, 'Viewer')],
  [ours.make({ iss: provider, groups: ['gone'] }), verified('gone', 'Viewer')],
  [
    ours.make({ iss: provider, groups: ['acme-admins', 'beta'] }),
    { is: 'grant', roles: { acme: 'Admin', beta: 'Viewer' } },
  ],
  [
    ours.make({ iss: provider, groups: ['acme-viewers', 'gone'] }),
    { is: 'grant', roles: { acme: 'Viewer', gone: 'Viewer' } },
  ],
  [ours.make({ iss: provider, groups: ['x'] }), badCredential],
  [ours.make({ iss: provider, tenant_id: 'acme' }), badCredential],
  ...Object.keys(members).map(subject => [forMember(subject), grantOf(subject)] as const),
  [ours.make({ iss: directory }), badCredential],
  [
    ours.make({ iss: directory, sub: 'both', tenant_id: 'acme' }),
    { is: 'grant', roles: { acme: 'Admin' }, home: 'acme' },
  ],
  [ours.make({ iss: directory, sub: 'one', tenant_id: 'acme' }), { is: 'grant', roles: {}, home: 'acme' }],
]

const named = (tenant: string | undefined): Meaning => ({ is: 'name', tenant, trust: 'verified', fallback: true })

/** What may stand in a request, by header; `:path` is its target. */
export const signals: Readonly<Record<string, readonly Signal[]>> = {
  authorization: [
    absent,
    ...tokens.map(([token, means]) => one(`Bearer ${token}`, means)),
    one('Basic YWxhZGRpbg==', nothing),
    one('Bearer', badCredential),
    one(`Bearer ${good} ${good}`, badCredential),
    twice(`Bearer ${good}`),
  ],
  'x-session': [
    absent,
    ...Object.keys(members).map(subject => one(forMember(subject), grantOf(subject))),
    one('x', badCredential),
  ],
  'x-api-key': [
    absent,
    ...issued.map(({ name, key }) => one(key.reveal(), verified(there(name)))),
    one(revoked.key.reveal(), badCredential),
    one(ended.key.reveal(), badCredential),
    one(`beta_sk_${issued[0]?.key.reveal().split('_sk_')[1]}`, badCredential),
    one('acme', badCredential),
    twice(issued[0]?.key.reveal() ?? ''),
  ],
  'x-tenant-id': [
    absent,
    // The model makes it verified where the chain trusts the header.
    ...names.map(name => one(name, { is: 'name', tenant: there(name), trust: 'asserted' })),
    one('acme, beta', badRequest),
    one('', badRequest),
    twice('acme'),
  ],
  host: [
    absent,
    one('example.com', nothing),
    one('api.example.com:8080', nothing),
    ...names.map(name => one(`${name}.example.com`, named(there(name)))),
    one('ACME.Example.COM.', named('acme')),
    one('beta-corp.test:443', named('beta')),
    one('unknown.test', named(undefined)),
    one('a.acme.example.com', named(undefined)),
    one('acme.example.com, beta.example.com', badRequest),
    one('user@acme.example.com', badRequest),
    twice('acme.example.com'),
  ],
  ':path': [
    one('/', nothing),
    one('/notes?tenant=beta', nothing),
    ...names.map(name => one(`/t/${name}/notes`, verified(there(name)))),
    one('/t/BETA', verified('beta')),
    one('/t//x', nothing),
    one('/T/acme', badRequest),
    one('/t/acme%2f..', badRequest),
    one('http://beta.example.com/t/acme', badRequest),
  ],
}
