import { issueApiKey } from '@tenantry/identity'
import { expect, it } from 'vitest'
import { signIn } from '../src/sign-in.ts'
import { codeOf, describeHouse } from './support.ts'

describeHouse('people of tenants', house => {
  const { ask, tenant, session } = house

  it('A15 A17 A19 A20 A21 A22 groups of the provider lead into one tenant, each with its role', async () => {
    const { slug, person } = await tenant()
    const post = { method: 'POST', path: '/api/configurations', body: { name: 'n', body: 'b' } }
    const policy = { method: 'POST', path: '/api/policies', body: { name: 'n', rule: 'r' } }
    const seen: unknown[] = []
    for (const group of ['admins', 'operators', 'viewers']) {
      const token = await person(group)
      const me = (await ask({ path: '/api/me' }, { token })).body as { role: string; tenant: { slug: string } }
      const body = { ...post.body, name: group }
      const writes = [
        await ask({ ...post, body }, { token }),
        await ask({ ...policy, body: { ...policy.body, name: group } }, { token }),
      ]
      seen.push([me.tenant.slug, me.role, ...writes.map(({ status }) => status)])
    }
    expect(seen).toEqual([
      [slug, 'Admin', 201, 201],
      [slug, 'Operator', 201, 403],
      [slug, 'Viewer', 403, 403],
    ])
  })

  it('A18 two tenants are told by different claims at once, and the claim of one says nothing of the other', async () => {
    const { base } = house.deployment
    const { slug } = await tenant()
    const enter = async (where: string, claims: object) => {
      house.deployment.people.set('both', { ...claims })
      const { token, error } = await signIn(`${base}/t/${where}/login`, 'both')
      return token === undefined ? error : 'in'
    }
    expect(await enter('primary', { tenant: 'primary-admin' })).toBe('in')
    expect(await enter(slug, { groups: [`${slug}-admins`] })).toBe('in')
    expect(await enter('primary', { groups: ['primary-admin'] })).toBe('access_denied')
    expect(await enter(slug, { tenant: `${slug}-admins` })).toBe('access_denied')
    expect(await enter(slug, { groups: `x${slug}-admins` })).toBe('access_denied')
  })

  it('A35 C04 the login wall shows the brand without a session; whose wall it was opens nothing', async () => {
    const [own, other] = [await tenant(), await tenant()]
    const token = await own.person('admins')
    await ask({ method: 'PUT', path: '/api/theme', body: { primaryColor: '#0f766e' } }, { token })
    const wall = await ask({ path: `/t/${own.slug}/login` })
    expect(wall.body).toContain('--brand-color:#0f766e')
    expect(wall.body).toContain(own.tenant.name)
    expect((await ask({ path: '/t/never-was/login' })).body).not.toContain(own.tenant.name)
    house.deployment.people.set('stray', { groups: [`${own.slug}-admins`] })
    const { token: none, error, address } = await signIn(`${house.deployment.base}/t/${other.slug}/login`, 'stray')
    expect([none, error, address]).toEqual([
      undefined,
      'access_denied',
      `${house.deployment.base}/t/${other.slug}/console`,
    ])
  })

  it('A36 the user menu has the name of the tenant', async () => {
    const { tenant: made, person } = await tenant()
    const { body } = await ask({ path: '/api/me' }, { token: await person('viewers') })
    expect(body).toMatchObject({ tenant: { name: made.name }, role: 'Viewer', brand: { companyName: made.name } })
    expect((await ask({ path: '/console.js' })).body).toContain('tenant.name')
  })

  it('A37 what the provider changes is so at the next login, and not before', async () => {
    const { slug } = await tenant()
    const role = async (token: string) => ((await ask({ path: '/api/me' }, { token })).body as { role: string }).role
    const before = await session(slug, 'otto', { groups: [`${slug}-operators`] })
    const after = await session(slug, 'otto', { groups: [`${slug}-viewers`] })
    expect([await role(before), await role(after)]).toEqual(['Operator', 'Viewer'])
    await expect(session(slug, 'otto', { groups: [] })).rejects.toThrow('access_denied')
    expect(await role(after)).toBe('Viewer')
  })

  it('A45 an administrator changes the theme of their own tenant, nobody else does, and no other is touched', async () => {
    const [own, other] = [await tenant(), await tenant()]
    const put = { method: 'PUT', path: '/api/theme', body: { primaryColor: '#7c3aed' } }
    expect((await ask(put, { token: await own.person('operators') })).status).toBe(403)
    const token = await own.person('admins')
    expect((await ask(put, { token })).status).toBe(200)
    const named = { ...put, headers: { 'x-tenant-id': other.tenant.id }, body: { primaryColor: '#b91c1c' } }
    await ask(named, { token })
    const { store } = house.deployment.platform
    const [mine, theirs] = await Promise.all([own, other].map(one => store.find({ kind: 'id', value: one.tenant.id })))
    expect(mine?.settings).toEqual({ branding: { primaryColor: '#b91c1c' } })
    expect(theirs?.settings).toEqual({ branding: {} })
    const bad = { ...put, body: { customCss: 'a{background:url(https://evil.example/)}' } }
    expect(codeOf(await ask(bad, { token }))).toEqual([400, 'INPUT_INVALID'])
  })

  it('A33 A38 the administrator of the primary tenant sees what is theirs, and nothing of others', async () => {
    const { person } = await tenant()
    const [own, root] = [await person('admins'), await session('primary', 'root', { tenant: 'primary-admin' })]
    expect((await ask({ path: '/api/configurations' }, { token: own })).body).toEqual({ items: [] })
    await ask({ method: 'POST', path: '/api/lint-rules', body: { name: 'only ours', pattern: 'p' } }, { token: own })
    for (const path of ['/api/lint-rules', '/api/agents', '/api/audit-log'])
      expect((await ask({ path }, { token: root })).body).toEqual({ items: [] })
    const { items } = (await ask({ path: '/api/configurations' }, { token: root })).body as {
      items: { tenant_id: string }[]
    }
    expect(new Set(items.map(({ tenant_id }) => tenant_id))).toEqual(new Set([house.deployment.primary.id]))
  })

  it('A43 a tenant goes on while the primary one is suspended', async () => {
    const { lifecycle } = house.deployment.platform
    const { person, packet } = await tenant()
    const [own, root] = [await person('admins'), await session('primary', 'root', { tenant: 'primary-admin' })]
    const access = { actor: 'a test', reason: 'A43' }
    await lifecycle.suspend(house.deployment.primary.id, access)
    try {
      expect(codeOf(await ask({ path: '/api/me' }, { token: root }))).toEqual([403, 'TENANT_SUSPENDED'])
      expect((await ask({ path: '/api/configurations' }, { token: own })).status).toBe(200)
      const key = await house.agent(packet.token)
      expect((await ask({ path: '/agent/configurations' }, { key })).status).toBe(200)
      expect((await person('viewers')).length).toBeGreaterThan(0)
    } finally {
      await lifecycle.resume(house.deployment.primary.id, access)
    }
  })

  it('A47 who lives in another region is sent there, never served here and never let in', async () => {
    const { platform, base } = house.deployment
    const { store, lifecycle, issuer } = platform
    const access = { actor: 'a test', reason: 'A47' }
    const answers = []
    for (const region of ['us', 'mars']) {
      const slug = `in-${region}`
      const { id } = await lifecycle.create({ slug, name: slug, placement: { region } }, access)
      await store.addIdentity(id, { issuer, claim: 'groups', value: slug, role: 'Admin' }, access)
      const { key, record } = issueApiKey(id, { scopes: ['agent'] })
      await store.apiKeys.add(record, access)
      answers.push(codeOf(await ask({ path: '/agent/configurations' }, { key: key.reveal() })))
      house.deployment.people.set('far', { groups: [slug] })
      answers.push((await signIn(`${base}/t/${slug}/login`, 'far')).error)
      const token = { tenantId: id }
      await expect(platform.enrolment.createToken(token, access)).rejects.toMatchObject({ code: 'TENANT_NOT_FOUND' })
    }
    expect(answers).toEqual([[307, 'REGION_OTHER'], '404', [421, 'REGION_UNKNOWN'], '404'])
  })
})
