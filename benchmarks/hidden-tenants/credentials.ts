import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { parseArgs } from 'node:util'
import { createTenancy, header, memoryRegistry } from '@tenantry/core'
import { apiKey, issueApiKey, jwt, memoryApiKeys, memoryMemberships } from '@tenantry/identity'
import { timedAnswers } from './timed-answers.ts'
import { describeComparisons, isTold } from './welch.ts'

// Can somebody outside tell by the time of a refusal that there is such a tenant, key or user? As run.ts does it for hosts: of each pair
// both are refused with the same answer, and one names what exists. A store of one's own takes its own time; this is the memory's.

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, pairs: { type: 'string', default: '100000' } },
})
const pairs = Number(values.pairs)
const names = () => Array.from({ length: 50 }, () => `t${randomBytes(6).toString('hex')}`)
const tenants = { active: names(), archived: names(), unknown: names(), other: names() }
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
function tokenOf(claims: object): string {
  const exp = Math.floor(Date.now() / 1000) + 86_400
  const input = `${encode({ alg: 'ES256' })}.${encode({ iss: 'id', aud: 'api', exp, ...claims })}`
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
const issuer = {
  ...{ issuer: 'id', audience: 'api', algorithms: ['ES256'] as const, tenants: 'all' as const },
  keys: { jwks: { keys: [publicKey.export({ format: 'jwk' })] } },
}

const issued = tenants.active.map(tenant => issueApiKey(tenant))
const revoked = tenants.active.map(tenant => issueApiKey(tenant))
const keys = memoryApiKeys([...issued, ...revoked].map(({ record }) => record))
for (const { record } of revoked) keys.revoke(record.id)
const memberships = memoryMemberships()
const users = names()
const strangers = names()
// Each user is of one tenant, and asks for others.
for (const [at, subject] of users.entries())
  memberships.add({ issuer: 'id', subject }, { tenant: tenants.active[(at + 7) % 50] ?? '' })

const registry = memoryRegistry(
  (['active', 'archived'] as const).flatMap(status => tenants[status].map(id => ({ id, slug: id, name: id, status }))),
)
const tenancy = createTenancy({
  registry,
  resolvers: [
    jwt({ issuers: [{ ...issuer, memberships }], remember: 300_000, logger: silent }),
    apiKey({ keys }),
    header(),
  ],
  logger: silent,
})
const answers = await timedAnswers(tenancy, pairs)
const keyOf = (key: string) => ({ 'x-api-key': key })
const unissued = (names: readonly string[]) => names.map(tenant => keyOf(issueApiKey(tenant).key.reveal()))
const choosing = (subjects: readonly string[], chosen: readonly string[]) =>
  subjects.map((sub, at) => ({ authorization: `Bearer ${tokenOf({ sub })}`, 'x-tenant-id': chosen[at] ?? '' }))

const told = {
  'a wrong key: of a tenant, of none': [unissued(tenants.active), unissued(tenants.unknown), 401],
  'a key: revoked, never issued': [revoked.map(({ key }) => keyOf(key.reveal())), unissued(tenants.active), 401],
  'a member chooses: another’s tenant, none': [choosing(users, tenants.active), choosing(users, tenants.unknown), 403],
  'a member chooses: an archived tenant, none': [
    choosing(users, tenants.archived),
    choosing(users, tenants.unknown),
    403,
  ],
  'a tenant is chosen: by a user, by nobody known': [
    choosing(users, tenants.active),
    choosing(strangers, tenants.active),
    403,
  ],
} as const
const nothing = [unissued(tenants.unknown), unissued(tenants.other), 401] as const

const comparisons: Record<string, Awaited<ReturnType<typeof answers.compare>>> = {}
for (const [title, [one, other, status]] of Object.entries({ 'nothing against nothing': nothing, ...told }))
  comparisons[title] = await answers.compare(one, other, [status, status])
answers.close()

const report = { pairs, ...comparisons }
console.log(values.json ? JSON.stringify(report, null, 2) : describeComparisons(report))
// So that a script notices; run it on a machine that has nothing else to do.
process.exitCode = Object.keys(told).some(title => {
  const comparison = comparisons[title]
  return comparison === undefined || isTold(comparison)
})
  ? 1
  : 0
