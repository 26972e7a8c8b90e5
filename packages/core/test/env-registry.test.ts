import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createTenancy, envRegistry, header, type Tenant, type TenantRegistry } from '../src/index.ts'
import { recorder, refusal, request } from './support.ts'

const canary = 'CANARY-s3cret'
const acme = { tenant_id: 'acme_corp', name: 'Acme Corporation' }
const beta = { tenant_id: 'beta', name: 'Beta' }

function load(configs: unknown, fallback?: string) {
  const logger = recorder()
  const text = typeof configs === 'string' ? configs : JSON.stringify(configs)
  return { logger, registry: envRegistry({ env: { TENANT_CONFIGS: text, DEFAULT_TENANT_ID: fallback }, logger }) }
}
const problemsOf = async (configs: unknown, fallback?: string) =>
  (await refusal('CONFIG_INVALID', () => load(configs, fallback))).details.problems

async function all(registry: TenantRegistry): Promise<Tenant[]> {
  const tenants: Tenant[] = []
  for await (const tenant of registry.list()) tenants.push(tenant)
  return tenants
}

describe('envRegistry', () => {
  it('I23 reads an object per tenant, in snake_case', async () => {
    const entry = {
      ...acme,
      slug: 'acme',
      domains: ['Acme.org'],
      status: 'suspended',
      is_control: true,
      placement: { schema: 't_acme' },
      settings: { plan: 'pro' },
    }
    const { registry, logger } = load([entry])
    expect(await all(registry)).toEqual([
      {
        id: 'acme_corp',
        slug: 'acme',
        name: 'Acme Corporation',
        status: 'suspended',
        isControl: true,
        isDefault: true,
        placement: { schema: 't_acme' },
        settings: { plan: 'pro' },
        version: 1,
      },
    ])
    expect(await registry.find({ kind: 'domain', value: 'acme.org' })).toMatchObject({ id: 'acme_corp' })
    expect(logger.records).toEqual([])
  })

  it('I23 warns of keys that nothing reads, without their values', () => {
    const { logger } = load([{ ...acme, tenantId: canary, mongo_uri: canary }])
    expect(logger.records).toMatchObject([
      { level: 'warn', details: { event: 'config.unknown', index: 0, keys: ['tenantId'] } },
    ])
    expect(inspect(logger.records, { depth: 9 })).not.toContain(canary)
  })

  it.each<[string, unknown, string]>([
    ['an object instead of an array', acme, 'must be a JSON array of at least one tenant'],
    ['an empty array', [], 'must be a JSON array of at least one tenant'],
    ['text', '"acme"', 'must be a JSON array of at least one tenant'],
    ['null', 'null', 'must be a JSON array of at least one tenant'],
    ['malformed JSON', `[{ "mongo_uri": "${canary}" `, 'is not valid JSON'],
    ['nothing', '', 'is not set; it must be a JSON array of tenants'],
    ['only spaces', '  \n', 'is not set; it must be a JSON array of tenants'],
  ])('I24 %s is refused, and not echoed', async (_, configs, rule) => {
    const error = await refusal('CONFIG_INVALID', () => load(configs))
    expect(error.details.problems).toEqual([`TENANT_CONFIGS: ${rule}`])
    expect(inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)).not.toContain(canary)
    expect(error.cause).toBeUndefined()
  })

  it('I24 TENANT_CONFIGS that is not set is refused', async () => {
    await refusal('CONFIG_INVALID', () => envRegistry({ env: {} }))
  })

  it('I25 an array of one is a single tenant, and the default, without a warning', async () => {
    const { registry, logger } = load([acme])
    expect(await registry.findDefault()).toMatchObject({ id: 'acme_corp', isDefault: true })
    expect(logger.records).toEqual([])
  })

  it('I26 DEFAULT_TENANT_ID names the default tenant', async () => {
    const { registry, logger } = load([acme, beta], 'beta')
    expect(await registry.findDefault()).toMatchObject({ id: 'beta' })
    expect((await all(registry)).filter(({ isDefault }) => isDefault)).toHaveLength(1)
    expect(logger.records).toEqual([])
  })

  it.each(['ghost', 'ACME_CORP', 'acme-corp', ' '])(
    'I26 DEFAULT_TENANT_ID %j, which no tenant has, is refused',
    async id => {
      expect(await problemsOf([acme, beta], id)).toEqual(['DEFAULT_TENANT_ID: names no tenant of TENANT_CONFIGS'])
    },
  )

  it.each([
    ['acme_corp', [acme, beta]],
    ['beta', [beta, acme]],
  ])('I27 without DEFAULT_TENANT_ID the first, %s, is the default, with a warning', async (id, configs) => {
    for (const unset of [undefined, '']) {
      const { registry, logger } = load(configs, unset)
      expect(await registry.findDefault()).toMatchObject({ id })
      expect(logger.records).toMatchObject([{ level: 'warn', details: { event: 'config.default', tenant: id } }])
    }
  })

  it('I27 serves requests without a signal, where that is configured', async () => {
    const { registry, logger } = load([acme, beta])
    const tenancy = createTenancy({ registry, logger, resolvers: [header({ trusted: true })], onUnresolved: 'default' })
    expect((await tenancy.resolve(request())).id).toBe('acme_corp')
    expect((await tenancy.resolve(request('/', { 'x-tenant-id': 'beta' }))).id).toBe('beta')
    await refusal('TENANT_NOT_FOUND', () => tenancy.resolve(request('/', { 'x-tenant-id': 'ghost' })))
  })

  it('I03 C05 derives the slug from any id that can have one', async () => {
    expect((await all(load([{ ...acme, tenant_id: 'Acme_Corp-1' }]).registry))[0]).toMatchObject({
      id: 'Acme_Corp-1',
      slug: 'acme-corp-1',
    })
    expect(await problemsOf([{ ...acme, tenant_id: '_acme' }])).toEqual([
      expect.stringMatching(/^TENANT_CONFIGS\[0\]\.slug: must be a lower-case DNS label.*made of tenant_id; give one/),
    ])
    expect((await all(load([{ ...acme, tenant_id: '_acme', slug: 'acme' }]).registry))[0]?.id).toBe('_acme')
  })

  it('C05 C07 refuses ids whose slugs fall together', async () => {
    const configs = [{ ...acme, tenant_id: 'a-b' }, beta, { ...acme, tenant_id: 'a_b' }]
    expect(await problemsOf(configs)).toEqual(['TENANT_CONFIGS[2].slug: is taken by an earlier entry'])
    expect(load([configs[0], { ...acme, tenant_id: 'a_b', slug: 'a-b-2' }]).registry).toBeDefined()
  })

  it('I11 I12 C08 several errors are told at once, each with its index and field', async () => {
    const configs = [
      { name: 'No id' },
      { tenant_id: 'no_name' },
      { tenant_id: 'a b', name: 'Bad id', status: 'paused', domains: ['a.org', 'b/c'] },
      { tenant_id: 7, name: '' },
      'text',
      [],
      acme,
      { ...acme, tenant_id: 'ACME_CORP', slug: 'other' },
    ]
    const problems = await problemsOf(configs, 'ghost')
    expect(problems.map(problem => problem.split(':', 1)[0])).toEqual([
      'TENANT_CONFIGS[0].tenant_id',
      'TENANT_CONFIGS[1].name',
      'TENANT_CONFIGS[2].tenant_id',
      'TENANT_CONFIGS[2].status',
      'TENANT_CONFIGS[2].domains.1',
      'TENANT_CONFIGS[3].tenant_id',
      'TENANT_CONFIGS[3].name',
      'TENANT_CONFIGS[4]',
      'TENANT_CONFIGS[5]',
      'TENANT_CONFIGS[7].tenant_id',
      'DEFAULT_TENANT_ID',
    ])
    expect(problems[0]).toContain('is required')
    expect(problems[1]).toContain('is required')
    expect(problems[9]).toBe('TENANT_CONFIGS[7].tenant_id: is the same as TENANT_CONFIGS[6].tenant_id')
  })

  it.each([
    ['domains', { domains: ['acme.org'] }],
    ['is_control', { is_control: true }],
  ])('names the entry that takes the %s of another', async (field, shared) => {
    expect(
      await problemsOf([
        { ...acme, ...shared },
        { ...beta, ...shared },
      ]),
    ).toEqual([`TENANT_CONFIGS[1].${field}: is taken by an earlier entry`])
  })

  const parameters = {
    mongo_uri: z.string().startsWith('mongodb://'),
    oidc_client_secret: z.string().min(20).optional(),
    redis_db: z.int().min(0).max(15).default(0),
  }
  const secrets = { mongo_uri: `mongodb://root:${canary}@db`, oidc_client_secret: `${canary}-of-enough-length` }

  it('gives further parameters by tenant, checked, and apart from the tenant', async () => {
    const registry = envRegistry({ env: { TENANT_CONFIGS: JSON.stringify([{ ...acme, ...secrets }]) }, parameters })
    expect(registry.config('acme_corp')).toEqual({ ...secrets, redis_db: 0 })
    expect(Object.isFrozen(registry.config('acme_corp'))).toBe(true)
    await refusal('TENANT_NOT_FOUND', () => registry.config('ghost'))
  })

  it('never shows a secret: not in a tenant, the registry, an error or the log', async () => {
    const logger = recorder()
    const use = (...configs: object[]) =>
      envRegistry({ env: { TENANT_CONFIGS: JSON.stringify(configs) }, parameters, logger })
    const registry = use({ ...acme, ...secrets, extra: canary }, { ...beta, ...secrets })
    const shown: unknown[] = [registry, await all(registry)]
    for (const bad of [
      { mongo_uri: canary },
      { oidc_client_secret: canary },
      { redis_db: canary },
      { mongo_uri: { [canary]: canary } },
      { name: { canary } },
      { slug: canary },
      { status: canary },
      { domains: [`${canary}/`] },
      { settings: canary },
    ]) {
      shown.push(await refusal('CONFIG_INVALID', () => use({ ...acme, ...secrets, ...bad })))
    }
    const text = shown.map(
      value => `${inspect(value, { depth: 9, showHidden: true })}${JSON.stringify(value)}${String(value)}`,
    )
    expect(text.join() + inspect(logger.records, { depth: 9 })).not.toContain('CANARY')
  })

  it('names the index and the field of a parameter', async () => {
    const env = { TENANT_CONFIGS: JSON.stringify([acme, { ...beta, ...secrets, redis_db: 16 }]) }
    const { details } = await refusal('CONFIG_INVALID', () => envRegistry({ env, parameters }))
    expect(details.problems).toEqual([
      'TENANT_CONFIGS[0].mongo_uri: is required',
      expect.stringMatching(/^TENANT_CONFIGS\[1\]\.redis_db: /),
    ])
  })

  it('is read once: a later change of the environment changes nothing', async () => {
    const env: Record<string, string> = { TENANT_CONFIGS: JSON.stringify([acme]) }
    const registry = envRegistry({ env })
    env.TENANT_CONFIGS = JSON.stringify([beta])
    expect(await registry.find({ kind: 'id', value: 'beta' })).toBeUndefined()
    expect(registry).not.toHaveProperty('add')
  })
})
