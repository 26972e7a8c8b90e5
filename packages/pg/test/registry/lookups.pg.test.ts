import type { Tenant } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import { describe, expect, it } from 'vitest'
import { refusal } from '../support.ts'
import { by, change, create, fresh, useRegistry } from './support.ts'

describePostgres('tenants in Postgres', server => {
  const db = useRegistry(server)

  it('P08 the whole record is found by id, by slug and by domain, and is frozen', async () => {
    const id = fresh('Whole')
    const placement = { schema: fresh('s_whole'), server: 'eu' }
    const settings = { plan: 'pro', colours: ['#fff'] }
    await create(db.registry, {
      id,
      slug: 'whole',
      name: 'ACME Europe',
      domains: ['whole.example'],
      placement,
      settings,
    })
    const expected = { id, slug: 'whole', name: 'ACME Europe', status: 'active', placement, settings, version: 1 }
    for (const key of [
      { kind: 'id', value: id },
      { kind: 'slug', value: 'whole' },
      { kind: 'slug', value: 'WHOLE' },
      { kind: 'domain', value: 'whole.example' },
      { kind: 'domain', value: 'Whole.Example' },
    ] as const) {
      const found = (await db.registry.find(key)) as Tenant
      expect(found).toEqual({ ...expected, isDefault: false, isControl: false })
      expect([found, found.placement, found.settings, found.settings.colours].every(Object.isFrozen)).toBe(true)
    }
  })

  it('C08 ids are compared exactly, and two that differ by case only are refused', async () => {
    const { id } = await create(db.registry, { id: fresh('Case') })
    expect(await db.registry.find({ kind: 'id', value: id.toLowerCase() })).toBeUndefined()
    expect(await refusal(create(db.registry, { id: id.toUpperCase(), slug: fresh('other') }))).toBe('TENANT_EXISTS')
  })

  it('P07 T34 a tenant without a domain is reached by its slug, and by a domain once it has one', async () => {
    const { id, slug } = await create(db.registry)
    expect((await db.registry.find({ kind: 'slug', value: slug }))?.id).toBe(id)
    expect(await db.registry.find({ kind: 'domain', value: `${slug}.example` })).toBeUndefined()
    await change(db.registry, 'setDomains', id, { domains: [`${slug}.example`] })
    expect((await db.registry.find({ kind: 'domain', value: `${slug}.example` }))?.id).toBe(id)
  })

  it('T36 only the exact domain is found: neither a part, nor a longer one, nor a pattern', async () => {
    const { id } = await create(db.registry, { domains: ['exact.example'] })
    for (const value of ['example', 'www.exact.example', 'exact.example.', '%.example', 'exact_example', ''])
      expect(await db.registry.find({ kind: 'domain', value })).toBeUndefined()
    expect((await db.registry.find({ kind: 'domain', value: 'exact.example' }))?.id).toBe(id)
  })

  it('a key that no tenant can have finds nothing, and breaks nothing', async () => {
    for (const value of ['', '\0', 'a\0b', "' or true --", '\ud800', 'x'.repeat(10_000)])
      for (const kind of ['id', 'slug', 'domain'] as const)
        expect(await db.registry.find({ kind, value })).toBeUndefined()
  })

  it('A05 teams, customers and environments differ by what their settings say only', async () => {
    for (const kind of ['team', 'customer', 'environment']) {
      const { id } = await create(db.registry, { settings: { kind } })
      expect(await db.registry.find({ kind: 'id', value: id })).toMatchObject({ status: 'active', settings: { kind } })
    }
  })

  it('T26 A09 two tenants may have one name, and it finds neither', async () => {
    const name = 'Twice Named GmbH & Co. “KG”'
    const [one, two] = [await create(db.registry, { name }), await create(db.registry, { name })]
    expect([one.name, two.name]).toEqual([name, name])
    expect(await db.registry.find({ kind: 'slug', value: name })).toBeUndefined()
  })

  it('A10 what is not said of a tenant is empty', async () => {
    const { id } = await create(db.registry)
    expect(await db.registry.find({ kind: 'id', value: id })).toMatchObject({ settings: {}, placement: {} })
  })

  describe('domains', () => {
    it('T35 many domains are one tenant’s, the first is the primary one, and each has one owner', async () => {
      const { id } = await create(db.registry, { domains: ['b.multi.example', 'a.multi.example'] })
      expect(await db.registry.domains(id)).toEqual([
        { name: 'b.multi.example', isPrimary: true, isVerified: false },
        { name: 'a.multi.example', isPrimary: false, isVerified: false },
      ])
      await change(db.registry, 'setDomains', id, { domains: ['a.multi.example', 'c.multi.example'] })
      expect((await db.registry.domains(id)).map(domain => domain.name)).toEqual(['a.multi.example', 'c.multi.example'])
      const other = create(db.registry, { domains: ['z.example', 'c.multi.example'] })
      await expect(other).rejects.toMatchObject({
        code: 'TENANT_EXISTS',
        details: { field: 'domain', value: 'c.multi.example' },
      })
      expect(await db.registry.find({ kind: 'domain', value: 'z.example' })).toBeUndefined()
      const moved = await create(db.registry, { domains: ['b.multi.example'] })
      expect((await db.registry.find({ kind: 'domain', value: 'b.multi.example' }))?.id).toBe(moved.id)
    })

    it('lead to their tenant once they are verified, where that is asked for', async () => {
      const strict = db.open({ domains: 'verified' })
      const { id, version } = await create(db.registry, { domains: ['proved.example', 'other.example'] })
      expect(await strict.find({ kind: 'domain', value: 'proved.example' })).toBeUndefined()
      await strict.verifyDomain(id, 'proved.example', by)
      await strict.verifyDomain(id, 'proved.example', by)
      expect(await strict.find({ kind: 'domain', value: 'proved.example' })).toMatchObject({ id, version: version + 1 })
      expect(await strict.find({ kind: 'domain', value: 'other.example' })).toBeUndefined()
      const trail = await strict.auditTrail({ tenant: id })
      expect(trail.filter(({ action }) => action === 'tenant.domain.verify')).toHaveLength(1)
      await change(db.registry, 'setDomains', id, { domains: ['other.example', 'proved.example'] })
      expect((await strict.find({ kind: 'domain', value: 'proved.example' }))?.id).toBe(id)
      const { id: thief } = await create(db.registry)
      expect(await refusal(strict.verifyDomain(thief, 'other.example', by))).toBe('TENANT_NOT_FOUND')
    })
  })

  describe('lists', () => {
    it('all tenants once, in the order of their ids, by pages that others write between', async () => {
      await db.sql(
        'owner',
        `insert into tenantry.registry_tenants (id, slug, name, status) select 'l' || n, 'l' || n, 'L', 'active' from generate_series(1, 1200) n`,
      )
      const seen: string[] = []
      for await (const { id } of db.registry.list()) {
        if (seen.length === 600) await create(db.registry, { id: 'A0-behind-the-reader', slug: 'behind' })
        seen.push(id)
      }
      expect(seen).toEqual([...new Set(seen)].sort())
      expect(seen.filter(id => /^l\d+$/.test(id))).toHaveLength(1200)
    })

    it('pages, by a cursor and by status', async () => {
      const ids: string[] = []
      let after: string | undefined
      do {
        const page = await db.registry.page({ limit: 7, statuses: ['suspended', 'active'], ...(after && { after }) })
        ids.push(...page.tenants.map(({ id }) => id))
        after = page.next
      } while (after !== undefined)
      expect(ids).toEqual([...new Set(ids)].sort())
      expect(ids.length).toBeGreaterThan(1200)
      expect(await db.registry.page({ statuses: ['failed'] })).toEqual({ tenants: [] })
      expect(await db.registry.page({ statuses: [] })).toEqual({ tenants: [] })
      for (const bad of [{ limit: 0 }, { limit: 1001 }, { limit: 1.5 }, { after: "'" }])
        expect(await refusal(db.registry.page(bad))).toBe('INPUT_INVALID')
    })
  })

  describe('identities', () => {
    const issuer = 'https://idp.example'

    it('an identity is one tenant’s, compared exactly, and each change of it is in the audit', async () => {
      const [one, two] = [await create(db.registry), await create(db.registry)]
      await db.registry.addIdentity(one.id, { issuer, value: 'org_1' }, by)
      await db.registry.addIdentity(one.id, { issuer, value: 'org_1' }, by)
      expect((await db.registry.findByIdentity({ issuer, value: 'org_1' }))?.id).toBe(one.id)
      expect(await db.registry.findByIdentity({ issuer, value: 'ORG_1' })).toBeUndefined()
      expect(await db.registry.findByIdentity({ issuer: `${issuer}/`, value: 'org_1' })).toBeUndefined()
      expect(await refusal(db.registry.addIdentity(two.id, { issuer, value: 'org_1' }, by))).toBe('TENANT_EXISTS')
      await db.registry.removeIdentity(two.id, { issuer, value: 'org_1' }, by)
      expect(await db.registry.identities(one.id)).toEqual([{ issuer, value: 'org_1' }])
      await db.registry.removeIdentity(one.id, { issuer, value: 'org_1' }, by)
      await db.registry.addIdentity(two.id, { issuer, value: 'org_1' }, by)
      expect((await db.registry.findByIdentity({ issuer, value: 'org_1' }))?.id).toBe(two.id)
      const actions = async (tenant: string) => (await db.registry.auditTrail({ tenant })).map(({ action }) => action)
      expect(await actions(one.id)).toEqual(['tenant.create', 'tenant.identity.add', 'tenant.identity.remove'])
      expect(await actions(two.id)).toEqual(['tenant.create', 'tenant.identity.add'])
    })

    it('of a tenant that is not there are refused', async () => {
      expect(await refusal(db.registry.addIdentity('nobody', { issuer, value: 'x' }, by))).toBe('TENANT_NOT_FOUND')
    })
  })

  it('A02 a tenant that another process has created is there for the next request', async () => {
    const { id } = await create(db.open())
    expect((await db.registry.find({ kind: 'id', value: id }))?.id).toBe(id)
  })

  it('a registry that cannot answer throws, and does not say that there is no tenant', async () => {
    const down = db.open({ pool: db.pool('runtime', { connectionString: 'postgres://nobody@127.0.0.1:1/nowhere' }) })
    const asked = [
      () => down.find({ kind: 'id', value: 'x' }),
      () => down.findDefault(),
      () => down.page(),
      () => down.operation('x'),
    ]
    for (const ask of asked) expect(await refusal(ask)).toBe('DATABASE_UNAVAILABLE')
  })
})
