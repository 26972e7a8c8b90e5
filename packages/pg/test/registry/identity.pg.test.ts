import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cachedRegistry, createTenancy } from '@tenantry/core'
import { apiKey, cachedApiKeys, hashApiKey, issueApiKey } from '@tenantry/identity'
import { describePostgres } from '@tenantry/servers/vitest'
import { describe, expect, it } from 'vitest'
import { refusal } from '../support.ts'
import type { ApiKeyOrder, ApiKeyWord } from './api-key-child.ts'
import { by, create, fresh, remove, useRegistry } from './support.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

describePostgres('who calls, in the registry', server => {
  const db = useRegistry(server)
  const actions = async (tenant: string) => (await db.registry.auditTrail({ tenant })).map(({ action }) => action)
  const view = (key: string) => ({ target: '/', header: (name: string) => (name === 'x-api-key' ? [key] : []) })

  describe('API keys', () => {
    it('I35 I36 I48 a key is kept without itself, resolves its tenant, and each change of it is in the audit', async () => {
      const { id } = await create(db.registry)
      const { key, record } = issueApiKey(id, { scopes: ['read', 'write'], lifetime: 3_600_000 })
      await db.registry.apiKeys.add(record, by)
      const tenancy = createTenancy({
        registry: db.registry,
        resolvers: [apiKey({ keys: db.registry.apiKeys })],
        logger: silent,
      })
      const evidence = await tenancy.serve(view(key.reveal()), () => tenancy.evidence())
      const principal = { credential: record.id, scopes: ['read', 'write'] }
      expect(evidence).toEqual({ by: 'request', sources: [{ resolver: 'api key', trust: 'verified', principal }] })
      expect(await db.registry.apiKeys.list(id)).toEqual([record])
      await db.registry.apiKeys.revoke(id, record.id, by)
      await db.registry.apiKeys.revoke(id, record.id, by)
      expect(await refusal(tenancy.resolve(view(key.reveal())))).toBe('CREDENTIAL_INVALID')
      expect(await actions(id)).toEqual(['tenant.create', 'tenant.api-key.add', 'tenant.api-key.revoke'])
      const kept = JSON.stringify(await db.sql('owner', 'select * from tenantry.registry_api_keys'))
      const told = JSON.stringify(await db.registry.auditTrail({ tenant: id }))
      for (const secret of [key.reveal(), key.reveal().split('_sk_')[1] ?? ''])
        expect(kept + told).not.toContain(secret)
      expect(told).not.toContain(record.hash)
    })

    it('I46 C09 a key of one tenant is neither revoked nor replaced in the name of another', async () => {
      const [one, two] = [await create(db.registry), await create(db.registry)]
      const { record } = issueApiKey(one.id)
      await db.registry.apiKeys.add(record, by)
      await db.registry.apiKeys.revoke(two.id, record.id, by)
      const next = issueApiKey(two.id).record
      expect(await refusal(db.registry.apiKeys.replace(record.id, next, { overlap: 0 }, by))).toBe('INPUT_INVALID')
      // Both or neither.
      expect(await db.registry.apiKeys.find(two.id, next.hash)).toBeUndefined()
      expect(await db.registry.apiKeys.find(one.id, record.hash)).toEqual(record)
      expect(await actions(two.id)).toEqual(['tenant.create'])
    })

    it('I47 a key that is replaced is good until the overlap is over, and never longer than before', async () => {
      const { id } = await create(db.registry)
      const [first, second, third] = [issueApiKey(id), issueApiKey(id, { lifetime: 1000 }), issueApiKey(id)]
      await db.registry.apiKeys.add(first.record, by)
      const from = Date.now()
      await db.registry.apiKeys.replace(first.record.id, second.record, { overlap: 60_000 }, by)
      await db.registry.apiKeys.replace(second.record.id, third.record, { overlap: 60_000 }, by)
      const [a, b, c] = await Promise.all(
        [first, second, third].map(({ record }) => db.registry.apiKeys.find(id, record.hash)),
      )
      expect(a?.expiresAt).toBeGreaterThanOrEqual(from + 60_000)
      expect(a?.expiresAt).toBeLessThan(Date.now() + 60_001)
      expect(b?.expiresAt).toBe(second.record.expiresAt)
      expect(c).toEqual(third.record)
    })

    it('refuses a key twice, a malformed one, and one of a tenant that is not there; and goes with its tenant', async () => {
      const { id } = await create(db.registry)
      const { record } = issueApiKey(id)
      const { add } = db.registry.apiKeys
      await add(record, by)
      for (const bad of [
        record,
        { ...record, id: 'other' },
        { ...issueApiKey(id).record, id: record.id },
        { ...record, hash: 'x' },
      ])
        expect(await refusal(add(bad, by))).toBe('INPUT_INVALID')
      expect(await refusal(add({ ...issueApiKey(id).record, createdAt: Number.NaN }, by))).toBe('INPUT_INVALID')
      expect(await refusal(add(issueApiKey('nobody').record, by))).toBe('TENANT_NOT_FOUND')
      await remove(db.registry, id)
      expect(await db.registry.apiKeys.find(id, record.hash)).toBeUndefined()
    })

    it('I47 what was revoked or has an end stays so, whoever writes SQL by hand', async () => {
      const { id } = await create(db.registry)
      const { record } = issueApiKey(id, { lifetime: 60_000 })
      await db.registry.apiKeys.add(record, by)
      await db.registry.apiKeys.revoke(id, record.id, by)
      const set = (what: string) =>
        db.sql('runtime', `update tenantry.registry_api_keys set ${what} where id = $1`, [record.id])
      for (const what of [
        'revoked_at = null',
        'revoked_at = now()',
        "expires_at = now() + interval '1 day'",
        'expires_at = null',
        `hash = '${hashApiKey('x')}'`,
        "scopes = '{admin}'",
        `tenant = '${(await create(db.registry)).id}'`,
      ])
        await expect(set(what)).rejects.toMatchObject({ code: 'TN003' })
      await expect(db.sql('runtime', 'delete from tenantry.registry_api_keys')).rejects.toMatchObject({ code: '42501' })
    })

    it('notes the last use of many keys with one statement, and never an earlier one', async () => {
      const { id } = await create(db.registry)
      const records = [issueApiKey(id).record, issueApiKey(id).record]
      for (const record of records) await db.registry.apiKeys.add(record, by)
      const [one, two] = records.map(record => record.id) as [string, string]
      await db.registry.apiKeys.noteUses([
        { id: one, at: 2_000 },
        { id: two, at: 3_000 },
        { id: 'nobody', at: 1 },
      ])
      await db.registry.apiKeys.noteUses([
        { id: one, at: 1_000 },
        { id: two, at: 4_000 },
      ])
      const used = new Map((await db.registry.apiKeys.list(id)).map(record => [record.id, record.lastUsedAt]))
      expect([used.get(one), used.get(two)]).toEqual([2_000, 4_000])
    })
  })

  describe('a key that is revoked', () => {
    async function crew(hears: boolean, bound: number) {
      const { id } = await create(db.registry)
      const { key, record } = issueApiKey(id)
      await db.registry.apiKeys.add(record, by)
      const children = Array.from({ length: 4 }, () =>
        fork(new URL('api-key-child.ts', import.meta.url), { execArgv: ['--import', 'tsx', '-C', 'tenantry-source'] }),
      )
      const order: ApiKeyOrder = { url: db.database.runtimeUrl, key: key.reveal(), hears, bound }
      const word = async <K extends ApiKeyWord['kind']>(kind: K, child: (typeof children)[number]) => {
        const [said] = (await once(child, 'message')) as [ApiKeyWord]
        if (said.kind !== kind) throw new Error(`It said ${JSON.stringify(said)}.`)
        return said as Extract<ApiKeyWord, { kind: K }>
      }
      try {
        const serving = children.map(child => word('serving', child))
        for (const child of children) child.send(order)
        await Promise.all(serving)
        const refused = children.map(child => word('refused', child))
        const exits = children.map(child => once(child, 'exit'))
        const from = Date.now()
        await db.registry.apiKeys.revoke(id, record.id, by)
        const ends = await Promise.all(refused)
        await Promise.all(exits)
        expect(ends.map(({ code }) => code)).toEqual(Array.from({ length: 4 }, () => 'CREDENTIAL_INVALID'))
        return Math.max(...ends.map(({ at }) => at)) - from
      } finally {
        for (const child of children) child.kill()
      }
    }

    it('E11 I47 is dead within a second on four processes that hear of it, though each would know it for a minute', async () => {
      expect(await crew(true, 60_000)).toBeLessThan(1_000)
    }, 60_000)

    it('E11 I47 is dead within the bound on four processes that hear nothing', async () => {
      // A second for the bound, and one for a machine that has much to do.
      expect(await crew(false, 1_000)).toBeLessThan(2_000)
    }, 60_000)

    it('I47 its last use is written when the cache is closed, and by no request', async () => {
      const { id } = await create(db.registry)
      const { key, record } = issueApiKey(id)
      await db.registry.apiKeys.add(record, by)
      const registry = cachedRegistry(db.registry, { logger: silent })
      const keys = cachedApiKeys({ store: db.registry.apiKeys, registry, bound: 60_000, logger: silent })
      const resolver = apiKey({ keys })
      await resolver.resolve(view(key.reveal()))
      await keys.close()
      expect((await db.registry.apiKeys.list(id))[0]?.lastUsedAt).toBeGreaterThan(Date.now() - 60_000)
      await registry.close()
    })
  })

  describe('claims and members', () => {
    const issuer = 'https://idp.example'

    it('A18 A19 A20 C34 a value of a claim is one tenant’s, with its role', async () => {
      const [one, two] = [await create(db.registry), await create(db.registry)]
      const value = fresh('group')
      await db.registry.addIdentity(one.id, { issuer, claim: 'groups', value, role: 'Viewer' }, by)
      expect(await refusal(db.registry.addIdentity(two.id, { issuer, claim: 'groups', value }, by))).toBe(
        'TENANT_EXISTS',
      )
      await db.registry.addIdentity(two.id, { issuer, claim: 'org', value }, by)
      await db.registry.addIdentity(two.id, { issuer, value }, by)
      expect([...(await db.registry.identityClaims(issuer))].sort()).toEqual(['groups', 'org'])
      const found = await db.registry.findIdentities(issuer, [
        { claim: 'groups', value },
        { claim: 'groups', value: 'nobody' },
        { claim: 'groups', value: 'a\0b' },
        { claim: '', value },
      ])
      expect(found).toEqual([{ claim: 'groups', value, tenant: one.id, role: 'Viewer' }])
      expect(await db.registry.findIdentities(`${issuer}/`, [{ claim: 'groups', value }])).toEqual([])
      // Another role takes the place of the first.
      await db.registry.addIdentity(one.id, { issuer, claim: 'groups', value, role: 'Admin' }, by)
      await db.registry.addIdentity(one.id, { issuer, claim: 'groups', value, role: 'Admin' }, by)
      expect(await db.registry.identities(one.id)).toEqual([{ issuer, claim: 'groups', value, role: 'Admin' }])
      expect(await actions(one.id)).toEqual(['tenant.create', 'tenant.identity.add', 'tenant.identity.add'])
    })

    it('C33 a user is a member of tenants, one of which may be the default', async () => {
      const [one, two] = [await create(db.registry), await create(db.registry)]
      const { memberships } = db.registry
      const jane = { issuer, subject: fresh('jane') }
      expect(await memberships.find(jane, one.id)).toBeUndefined()
      await memberships.add(jane, { tenant: one.id, role: 'Admin', isDefault: true }, by)
      await memberships.add(jane, { tenant: two.id, role: 'Viewer' }, by)
      await memberships.add(jane, { tenant: two.id, role: 'Operator', isDefault: true }, by)
      expect(await memberships.find(jane, two.id)).toEqual({ tenant: two.id, role: 'Operator', isDefault: true })
      const list = await memberships.list(jane)
      expect(list.filter(({ isDefault }) => isDefault).map(({ tenant }) => tenant)).toEqual([two.id])
      expect(list).toHaveLength(2)
      expect(await memberships.list({ ...jane, issuer: `${issuer}/` })).toEqual([])
      expect(await memberships.find({ ...jane, subject: 'a\0b' }, one.id)).toBeUndefined()
      await memberships.remove(jane, one.id, by)
      await memberships.remove(jane, one.id, by)
      expect(await memberships.find(jane, one.id)).toBeUndefined()
      expect(await actions(one.id)).toEqual(['tenant.create', 'tenant.member.add', 'tenant.member.remove'])
      expect(await refusal(memberships.add(jane, { tenant: 'nobody' }, by))).toBe('TENANT_NOT_FOUND')
      expect(await refusal(memberships.add({ issuer, subject: '' }, { tenant: one.id }, by))).toBe('INPUT_INVALID')
    })
  })
})
