import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createTenancy,
  header,
  host,
  isTenancyError,
  type Match,
  memoryRegistry,
  path,
  problemOf,
  type RequestView,
  type Resolver,
  TenancyError,
  type TenancyOptions,
  type TenantKey,
} from '../src/index.ts'
import { recorder, refusal, request } from './support.ts'

const stored = memoryRegistry([
  { id: 'acme', slug: 'acme', name: 'Acme', domains: ['acme.org'] },
  { id: 'beta', slug: 'beta', name: 'Beta' },
  { id: 'home', slug: 'home', name: 'Home', isDefault: true },
  { id: 'held', slug: 'held', name: 'Held', status: 'suspended' },
  { id: 'gone', slug: 'gone', name: 'Gone', status: 'archived' },
])
const chain = [host({ baseDomains: ['example.com'] }), path({ prefix: '/t' }), header()]

function make(options: Partial<TenancyOptions> = {}) {
  const asked: (TenantKey | 'default')[] = []
  const logger = recorder()
  const registry = {
    find(key: TenantKey) {
      asked.push(key)
      return stored.find(key)
    },
    findDefault() {
      asked.push('default')
      return stored.findDefault()
    },
    list: stored.list,
  }
  return { asked, logger, tenancy: createTenancy({ registry, resolvers: chain, logger, ...options }) }
}

function source(name: string, value: string | undefined, trust: Match['trust'] = 'verified'): Resolver {
  return { name, resolve: async () => (value === undefined ? undefined : { key: { kind: 'id', value }, trust }) }
}

interface Sent {
  readonly host?: string
  readonly path?: string
  readonly header?: string
}
const sent = ({ host: name, path: slug, header: id }: Sent): RequestView =>
  request(slug === undefined ? '/notes' : `/t/${slug}`, {
    host: name === undefined ? 'example.com' : `${name}.example.com`,
    ...(id === undefined ? {} : { 'x-tenant-id': id }),
  })

describe('every outcome', () => {
  it.each<[string, string, number, Sent]>([
    ['absent', 'TENANT_ABSENT', 400, {}],
    ['unknown', 'TENANT_NOT_FOUND', 404, { host: 'ghost' }],
    ['unknown', 'TENANT_NOT_FOUND', 404, { path: 'ghost' }],
    ['invalid', 'REQUEST_INVALID', 400, { path: '%61cme' }],
    ['unverified', 'TENANT_UNVERIFIED', 403, { header: 'acme' }],
    ['ambiguous', 'TENANT_AMBIGUOUS', 403, { host: 'acme', path: 'beta' }],
    ['inactive', 'TENANT_SUSPENDED', 403, { host: 'held' }],
    ['inactive', 'TENANT_NOT_FOUND', 404, { host: 'gone' }],
  ])('%s is %s with status %i', async (outcome, code, status, what) => {
    const { tenancy } = make()
    const error = await refusal(code as 'TENANT_ABSENT', () => tenancy.resolve(sent(what)))
    expect(error.status).toBe(status)
    const trace = await tenancy.explain(sent(what))
    expect(trace).toMatchObject({ outcome, code })
    expect(trace).not.toHaveProperty('tenant')
    expect(trace.reason).toMatch(/^["A-Z].*\.$/)
  })

  it.each<[string, Sent]>([
    ['a subdomain', { host: 'acme' }],
    ['a path', { path: 'acme' }],
    ['both, which agree', { host: 'acme', path: 'ACME' }],
    ['an asserted source that agrees with a verified one', { host: 'acme', header: 'acme' }],
    ['all of them', { host: 'acme', path: 'acme', header: 'acme' }],
  ])('P08 resolved by %s, as a whole record', async (_, what) => {
    const { tenancy } = make()
    expect(await tenancy.resolve(sent(what))).toBe(stored.find({ kind: 'id', value: 'acme' }))
    expect(await tenancy.explain(sent(what))).toMatchObject({ outcome: 'resolved', tenant: 'acme' })
  })

  it('T34 T36 resolved by an exact domain', async () => {
    const { tenancy } = make()
    expect((await tenancy.resolve(request('/', { host: 'ACME.org.:8080' }))).id).toBe('acme')
    await refusal('TENANT_NOT_FOUND', () => tenancy.resolve(request('/', { host: 'www.acme.org' })))
  })

  it('T34 a tenant without a domain is reached by other sources', async () => {
    const { tenancy } = make()
    await refusal('TENANT_NOT_FOUND', () => tenancy.resolve(request('/', { host: 'beta.org' })))
    expect((await tenancy.resolve(sent({ path: 'beta' }))).id).toBe('beta')
  })

  it('absentStatus 401 speaks of credentials, and only for absent', async () => {
    const { tenancy } = make({ absentStatus: 401 })
    const error = await refusal('TENANT_CREDENTIALS_REQUIRED', () => tenancy.resolve(sent({})))
    expect(error).toMatchObject({ status: 401, details: { tried: ['host', 'path', 'header x-tenant-id'] } })
    await refusal('TENANT_NOT_FOUND', () => tenancy.resolve(sent({ host: 'ghost' })))
  })

  it('hideSuspended makes of a suspended tenant an unknown one', async () => {
    const error = await refusal('TENANT_NOT_FOUND', () =>
      make({ hideSuspended: true }).tenancy.resolve(sent({ host: 'held' })),
    )
    expect(problemOf(error).status).toBe(404)
  })

  it('A02 a tenant that is added while running is served by the next request', async () => {
    const registry = memoryRegistry()
    const { tenancy } = make({ registry })
    await refusal('TENANT_NOT_FOUND', () => tenancy.resolve(sent({ host: 'new' })))
    const { id } = registry.add({ slug: 'new', name: 'New' })
    expect((await tenancy.resolve(sent({ host: 'new' }))).id).toBe(id)
    registry.update(id, { status: 'suspended' })
    await refusal('TENANT_SUSPENDED', () => tenancy.resolve(sent({ host: 'new' })))
  })
})

describe('sources that disagree', () => {
  const values = ['acme', 'beta', 'held', 'gone', 'ghost', undefined]
  const pairs = values.flatMap(one => values.map(other => [one, other] as const))

  it.each(pairs)('E7 verified %s beside verified %s', async (one, other) => {
    const { tenancy } = make({ resolvers: [source('one', one), source('other', other)] })
    const { outcome, code } = await tenancy.explain(request())
    const named = [one, other].filter(value => value !== undefined)
    if (named.length === 0) return expect(code).toBe('TENANT_ABSENT')
    if (named.some(value => value === 'ghost' || value === 'gone')) return expect(code).toBe('TENANT_NOT_FOUND')
    if (new Set(named).size === 2) return expect(code).toBe('TENANT_AMBIGUOUS')
    return named[0] === 'held' ? expect(code).toBe('TENANT_SUSPENDED') : expect(outcome).toBe('resolved')
  })

  it.each(pairs)('E3 E13 verified %s beside asserted %s', async (one, other) => {
    const { tenancy, asked } = make({ resolvers: [source('claim', other, 'asserted'), source('proof', one)] })
    const { outcome, code } = await tenancy.explain(request())
    if (one === undefined) {
      expect(asked).toEqual([])
      return expect(code).toBe(other === undefined ? 'TENANT_ABSENT' : 'TENANT_UNVERIFIED')
    }
    if (one === 'ghost' || one === 'gone') return expect(code).toBe('TENANT_NOT_FOUND')
    // Whatever is claimed beside a proof, other tenant or none: the caller cannot tell which exist.
    if (other !== undefined && other !== one) return expect(code).toBe('TENANT_AMBIGUOUS')
    return one === 'held' ? expect(code).toBe('TENANT_SUSPENDED') : expect(outcome).toBe('resolved')
  })

  it.each([undefined, 'acme', 'ghost', 'gone'])('P13 archived and unknown are the same beside %s', async beside => {
    const answer = async (value: string, resolvers: (value: string) => Resolver[]) =>
      JSON.stringify(
        problemOf(
          await refusal('TENANT_NOT_FOUND', () => make({ resolvers: resolvers(value) }).tenancy.resolve(request())),
        ),
      )
    for (const resolvers of [
      (value: string) => [source('one', value), source('other', beside)],
      (value: string) => [source('other', beside), source('one', value)],
    ]) {
      expect(await answer('gone', resolvers)).toBe(await answer('ghost', resolvers))
    }
  })

  it('onConflict first: the first signal decides, and nobody else is asked', async () => {
    const never: Resolver = { name: 'never', resolve: () => Promise.reject(new Error('was asked')) }
    const { tenancy, asked } = make({
      onConflict: 'first',
      resolvers: [source('none', undefined), source('one', 'acme'), never],
    })
    expect((await tenancy.resolve(request())).id).toBe('acme')
    expect(asked).toEqual([{ kind: 'id', value: 'acme' }])
    expect((await tenancy.explain(request())).steps.map(({ by }) => by)).toEqual(['none', 'one'])
  })

  it('onConflict first: an asserted source in front is refused, and does not let the next one decide', async () => {
    const resolvers = [source('claim', 'acme', 'asserted'), source('proof', 'beta')]
    await refusal('TENANT_UNVERIFIED', () => make({ onConflict: 'first', resolvers }).tenancy.resolve(request()))
  })
})

describe('an asserted source', () => {
  it.each(['acme', 'ghost', 'held', 'gone'])('E3 alone is refused before the registry is asked: %s', async value => {
    for (const onUnresolved of ['reject', 'default'] as const) {
      const { tenancy, asked } = make({ onUnresolved })
      const { details } = await refusal('TENANT_UNVERIFIED', () => tenancy.resolve(sent({ header: value })))
      expect(details.sources).toEqual(['header x-tenant-id'])
      expect(asked).toEqual([])
    }
  })
  it('two of them that agree are no proof', async () => {
    const resolvers = [source('one', 'acme', 'asserted'), source('other', 'acme', 'asserted')]
    await refusal('TENANT_UNVERIFIED', () => make({ resolvers }).tenancy.resolve(request()))
  })
  it('a trust that is neither is not believed', async () => {
    const resolvers = [source('one', 'acme', 'certain' as 'verified')]
    await refusal('TENANT_UNVERIFIED', () => make({ resolvers }).tenancy.resolve(request()))
  })
})

describe('the default tenant', () => {
  const make_ = (options: Partial<TenancyOptions> = {}) => make({ onUnresolved: 'default', ...options }).tenancy

  it.each<[string, Sent]>([
    ['T33 absent', {}],
    ['T38 an unknown host', { host: 'ghost' }],
  ])('serves %s', async (_, what) => {
    expect((await make_().resolve(sent(what))).id).toBe('home')
    expect(await make_().explain(sent(what))).toMatchObject({ outcome: 'defaulted', tenant: 'home' })
  })

  it('T37 T38 serves a host that only looks like a tenant', async () => {
    expect((await make_().resolve(request('/', { host: 'sub.acme.org' }))).id).toBe('home')
    expect((await make_().resolve(request('/', { host: 'a.b.example.com' }))).id).toBe('home')
  })

  it.each<[string, Sent, string]>([
    ['an unknown path', { path: 'ghost' }, 'TENANT_NOT_FOUND'],
    ['an unknown host beside an unknown path', { host: 'ghost', path: 'ghost' }, 'TENANT_NOT_FOUND'],
    ['an unknown host beside a known path', { host: 'ghost', path: 'acme' }, 'TENANT_NOT_FOUND'],
    ['an unknown host beside an assertion', { host: 'ghost', header: 'home' }, 'TENANT_NOT_FOUND'],
    ['an assertion', { header: 'home' }, 'TENANT_UNVERIFIED'],
    ['a suspended tenant', { host: 'held' }, 'TENANT_SUSPENDED'],
    ['an archived tenant', { host: 'gone' }, 'TENANT_NOT_FOUND'],
    ['sources that disagree', { host: 'acme', path: 'beta' }, 'TENANT_AMBIGUOUS'],
    ['a bad path', { path: '%61' }, 'REQUEST_INVALID'],
    ['a bad header', { header: 'a b' }, 'REQUEST_INVALID'],
    ['a bad host', { host: 'a@b' }, 'REQUEST_INVALID'],
  ])('does not serve %s', async (_, what, code) => {
    await refusal(code as 'REQUEST_INVALID', () => make_().resolve(sent(what)))
  })

  it('a bad credential never falls back, whatever else the request names', async () => {
    const bad: Resolver = {
      name: 'token',
      resolve: () => Promise.reject(new TenancyError('CREDENTIAL_INVALID', { source: 'token' })),
    }
    for (const resolvers of [[bad], [bad, source('one', 'acme')], [source('one', 'acme'), bad]]) {
      const error = await refusal('CREDENTIAL_INVALID', () => make_({ resolvers }).resolve(request()))
      expect(error.status).toBe(401)
    }
  })

  it('that does not exist is not found', async () => {
    const registry = memoryRegistry([{ slug: 'acme', name: 'Acme' }])
    await refusal('TENANT_NOT_FOUND', () => make_({ registry }).resolve(sent({})))
  })

  it('is not used where it was not asked for', async () => {
    await refusal('TENANT_ABSENT', () => make().tenancy.resolve(sent({})))
    await refusal('TENANT_NOT_FOUND', () => make().tenancy.resolve(sent({ host: 'ghost' })))
  })
})

describe('explain', () => {
  it('never throws for a refusal, and says what resolve decides', async () => {
    const value = fc.constantFrom('acme', 'beta', 'held', 'gone', 'ghost', '%61', 'a b', undefined)
    const options = fc.record({
      onUnresolved: fc.constantFrom<('reject' | 'default')[]>('reject', 'default'),
      onConflict: fc.constantFrom<('reject' | 'first')[]>('reject', 'first'),
      absentStatus: fc.constantFrom<(400 | 401)[]>(400, 401),
      hideSuspended: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(options, value, value, value, async (chosen, one, two, three) => {
        const view = sent({
          ...(one === undefined ? {} : { host: one }),
          ...(two === undefined ? {} : { path: two }),
          ...(three === undefined ? {} : { header: three }),
        })
        const { tenancy } = make(chosen)
        const trace = await tenancy.explain(view)
        const resolved = await tenancy.resolve(view).catch((error: unknown) => error)
        if (isTenancyError(resolved)) expect(trace).toMatchObject({ code: resolved.code })
        else expect(trace).toMatchObject({ tenant: (resolved as { id: string }).id })
        expect(trace.tenant === undefined).toBe(trace.code !== undefined)
      }),
      { numRuns: 500 },
    )
  })

  it('gives each resolver, what it found, and what is wrong with it', async () => {
    const { tenancy } = make()
    expect((await tenancy.explain(sent({ host: 'acme', header: 'beta' }))).steps).toEqual([
      { by: 'host', key: { kind: 'slug', value: 'acme' }, trust: 'verified', tenant: 'acme' },
      { by: 'path' },
      { by: 'header x-tenant-id', key: { kind: 'id', value: 'beta' }, trust: 'asserted', tenant: 'beta' },
    ])
    expect((await tenancy.explain(sent({ path: '%61' }))).steps[1]?.error).toContain('tenant in the path')
  })

  it('neither logs nor tells listeners', async () => {
    const { tenancy, logger } = make()
    tenancy.on('refused', () => expect.unreachable())
    await tenancy.explain(sent({}))
    expect(logger.records).toEqual([])
  })
})

describe('the log', () => {
  it('S44 has a refusal with its full context, without the query', async () => {
    const { tenancy, logger } = make()
    const view = request('/t/ghost/notes?token=CANARY#CANARY', { host: 'acme.example.com', authorization: 'CANARY' })
    await refusal('TENANT_NOT_FOUND', () => tenancy.resolve(view))
    expect(logger.records).toEqual([
      {
        level: 'warn',
        message: expect.stringMatching(/^Unknown tenant \(slug ghost\)\./),
        details: {
          event: 'tenancy.refused',
          target: '/t/ghost/notes',
          host: 'acme.example.com',
          outcome: 'unknown',
          code: 'TENANT_NOT_FOUND',
          reason: '"path" names slug ghost, and no tenant has it.',
          steps: [
            { by: 'host', key: { kind: 'slug', value: 'acme' }, trust: 'verified', tenant: 'acme' },
            { by: 'path', key: { kind: 'slug', value: 'ghost' }, trust: 'verified' },
            { by: 'header x-tenant-id' },
          ],
        },
      },
    ])
    expect(JSON.stringify(logger.records)).not.toContain('CANARY')
  })

  it('C01 has every use of the default tenant', async () => {
    const { tenancy, logger } = make({ onUnresolved: 'default' })
    await tenancy.resolve(sent({}))
    expect(logger.records).toMatchObject([{ level: 'info', details: { event: 'tenancy.defaulted', tenant: 'home' } }])
  })
})

describe('what breaks', () => {
  const broken = new Error('connection refused')

  it.each(['reject', 'default'] as const)('a registry propagates, and nobody is served (%s)', async onUnresolved => {
    const registry = { ...stored, find: () => Promise.reject(broken), findDefault: () => Promise.reject(broken) }
    const { tenancy, logger } = make({ registry, onUnresolved })
    await expect(tenancy.resolve(sent({ host: 'acme' }))).rejects.toBe(broken)
    await expect(tenancy.explain(sent({ host: 'acme' }))).rejects.toBe(broken)
    expect(logger.records).toMatchObject([{ level: 'error', details: { event: 'tenancy.failed', target: '/notes' } }])
  })

  it.each([
    ['of any kind', broken],
    ['of this side', new TenancyError('DATABASE_UNAVAILABLE', { reason: 'refused' })],
  ])('a resolver propagates an error %s, and the next one is not asked', async (_, error) => {
    const resolvers = [{ name: 'broken', resolve: () => Promise.reject(error) }, source('one', 'acme')]
    for (const onUnresolved of ['reject', 'default'] as const) {
      const { tenancy, asked } = make({ resolvers, onUnresolved })
      await expect(tenancy.resolve(request())).rejects.toBe(error)
      expect(asked).toEqual([])
    }
  })
})
