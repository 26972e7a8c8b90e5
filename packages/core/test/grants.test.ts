import { describe, expect, it } from 'vitest'
import {
  type AuditEntry,
  createTenancy,
  type Grant,
  memoryRegistry,
  type Principal,
  type Resolver,
  type TenancyOptions,
} from '../src/index.ts'
import { recorder, refusal, request } from './support.ts'

const registry = memoryRegistry([
  { id: 'acme', slug: 'acme', name: 'Acme' },
  { id: 'beta', slug: 'beta', name: 'Beta' },
  { id: 'gone', slug: 'gone', name: 'Gone', status: 'archived' },
  { id: 'shut', slug: 'shut', name: 'Shut', status: 'suspended' },
  { id: 'home', slug: 'home', name: 'Home', isDefault: true },
])

const names = (id: string, trust: 'verified' | 'asserted' = 'asserted', name = trust): Resolver => ({
  name,
  resolve: () => ({ key: { kind: 'id', value: id }, trust, fallback: true }),
})

/** A credential that is good for these tenants, and what it was asked. */
function grantOf(roles: Readonly<Record<string, string>>, home?: string) {
  const asked: string[] = []
  const grant: Grant = {
    trust: 'verified',
    principal: { credential: 'session-1', subject: 'jane' },
    admits(tenant): Principal | undefined {
      asked.push(tenant)
      return Object.hasOwn(roles, tenant)
        ? { credential: 'session-1', subject: 'jane', role: roles[tenant] }
        : undefined
    },
    home: async () => home,
  }
  return { asked, resolver: { name: 'session', resolve: () => grant } satisfies Resolver }
}

function make(resolvers: readonly Resolver[], options: Partial<TenancyOptions> = {}) {
  const entries: AuditEntry[] = []
  const audit = { audit: async (entry: AuditEntry) => void entries.push(entry) }
  const tenancy = createTenancy({ registry, resolvers, logger: recorder(), audit, ...options })
  return { entries, tenancy, ask: () => tenancy.serve(request(), () => tenancy.evidence()) }
}

const user = { acme: 'admin', beta: 'viewer', shut: 'viewer', gone: 'viewer' }

describe('a credential that is good for several tenants', () => {
  it.each(['asserted', 'verified'] as const)(
    'C33 is served where a name that is %s chooses, with its role there',
    async trust => {
      for (const [tenant, role] of [
        ['acme', 'admin'],
        ['beta', 'viewer'],
      ] as const) {
        const { ask, tenancy } = make([names(tenant, trust), grantOf(user).resolver])
        expect((await tenancy.resolve(request())).id).toBe(tenant)
        const principal = { credential: 'session-1', subject: 'jane', role }
        expect(await ask()).toEqual({
          by: 'request',
          sources: [
            { resolver: trust, trust },
            { resolver: 'session', trust: 'verified', principal },
          ],
        })
      }
    },
  )

  it('C33 E7 is refused, with an entry in the audit, where it is not good for what is chosen', async () => {
    for (const trust of ['asserted', 'verified'] as const) {
      const { ask, entries } = make([names('home', trust), grantOf(user).resolver])
      const error = await refusal('TENANT_AMBIGUOUS', ask)
      expect(error.status).toBe(403)
      expect(entries).toEqual([
        {
          action: 'request.refused',
          actor: 'a request',
          details: {
            code: 'TENANT_AMBIGUOUS',
            sources: [
              { by: trust, tenant: 'home', credential: null },
              { by: 'session', tenant: null, credential: 'session-1' },
            ],
          },
        },
      ])
    }
  })

  it('C33 C34 picks none by itself, unless one is its home; the default tenant is none of its', async () => {
    for (const onUnresolved of ['reject', 'default'] as const) {
      await refusal('TENANT_AMBIGUOUS', make([grantOf(user).resolver], { onUnresolved }).ask)
      expect((await make([grantOf(user, 'beta').resolver], { onUnresolved }).tenancy.resolve(request())).id).toBe(
        'beta',
      )
      await refusal('TENANT_NOT_FOUND', make([grantOf(user, 'gone').resolver], { onUnresolved }).ask)
      await refusal('TENANT_NOT_FOUND', make([grantOf(user, 'none').resolver], { onUnresolved }).ask)
      await refusal('TENANT_NOT_FOUND', make([names('none', 'verified'), grantOf(user).resolver], { onUnresolved }).ask)
    }
  })

  it('C33 is not good for its home unless it admits it', async () => {
    await refusal('TENANT_AMBIGUOUS', make([grantOf({ acme: 'admin' }, 'beta').resolver]).ask)
  })

  it('C33 a chosen tenant is served though another is home', async () => {
    const { tenancy } = make([names('acme'), grantOf(user, 'beta').resolver])
    expect((await tenancy.resolve(request())).id).toBe('acme')
  })

  it('E13 chosen tenants that are unknown, archived or another’s are refused alike, and asked about alike', async () => {
    const seen = []
    for (const tenant of ['none', 'gone', 'home']) {
      const { asked, resolver } = grantOf({ acme: 'admin' })
      const { ask } = make([names(tenant), resolver])
      const { message, details } = await refusal('TENANT_AMBIGUOUS', ask)
      seen.push({ message, details, asked: asked.length })
    }
    expect(seen).toEqual([seen[0], seen[0], seen[0]])
    // Being good for a tenant that is archived is no reason to hear of it.
    await refusal('TENANT_AMBIGUOUS', make([names('gone'), grantOf(user).resolver]).ask)
  })

  it('E12 is not served in a suspended tenant, and hears of that only where it is good for it', async () => {
    await refusal('TENANT_SUSPENDED', make([names('shut'), grantOf(user).resolver]).ask)
    await refusal('TENANT_AMBIGUOUS', make([names('shut'), grantOf({ acme: 'admin' }).resolver]).ask)
  })

  it('E7 all of several must admit; and names must agree, whatever it is good for', async () => {
    const both = [grantOf(user).resolver, grantOf({ acme: 'viewer' }).resolver]
    expect((await make([names('acme'), ...both]).tenancy.resolve(request())).id).toBe('acme')
    await refusal('TENANT_AMBIGUOUS', make([names('beta'), ...both]).ask)
    await refusal('TENANT_AMBIGUOUS', make([names('beta'), ...both.toReversed()]).ask)
    await refusal('TENANT_AMBIGUOUS', make([grantOf(user, 'acme').resolver, grantOf(user, 'beta').resolver]).ask)
    for (const trust of ['asserted', 'verified'] as const)
      await refusal(
        'TENANT_AMBIGUOUS',
        make([names('acme', trust), names('beta', 'asserted', 'verified'), grantOf(user).resolver]).ask,
      )
  })

  it('C33 is asked also where the first source decides, and what comes behind it is not', async () => {
    const options = { onConflict: 'first' } as const
    await refusal('TENANT_AMBIGUOUS', make([grantOf(user).resolver, names('home', 'verified')], options).ask)
    const { tenancy } = make([grantOf(user).resolver, names('acme', 'verified'), names('home', 'verified')], options)
    expect((await tenancy.resolve(request())).id).toBe('acme')
  })

  it('C33 is asked anew for each request: what is taken away is gone', async () => {
    const roles: Record<string, string> = { acme: 'admin', beta: 'viewer' }
    const { ask } = make([names('beta'), grantOf(roles).resolver])
    await ask()
    delete roles.beta
    await refusal('TENANT_AMBIGUOUS', ask)
  })
})
