import { expect, it } from 'vitest'
import { codeOf, formCall, logIn } from '../src/browse.ts'
import { init } from '../src/init.ts'
import { ada, describeHouse, redirect } from './support.ts'

describeHouse('organizations', house => {
  const tokenCall = (slug: string) => formCall(`/${slug}/auth/token`, { grant_type: 'x', client_id: 'shop' })
  const discovery = (slug: string, process: 0 | 1 = 0) =>
    house.ask({ path: `/${slug}/.well-known/openid-configuration` }, process)

  it('P01 P03 P08 are made over the API and served under their path at once', async () => {
    const { slug } = await house.organization()
    const { status, body } = await house.admin('GET', `/organizations/${slug}`)
    expect([status, body]).toMatchObject([200, { slug, status: 'active', isControl: false }])
    expect((await discovery(slug)).status).toBe(200)
  })

  it('P09 the second request asks no database', async () => {
    const { slug } = await house.organization()
    await discovery(slug)
    const { cache } = house.deployment.processes[0].platform
    const { reads, hits } = cache.stats()
    await discovery(slug)
    expect(cache.stats().reads).toBe(reads)
    expect(cache.stats().hits).toBeGreaterThan(hits)
  })

  it('P10 P11 P12 a suspension is known to the other process, for everything, and taken back', async () => {
    const { slug } = await house.organization()
    for (const process of [0, 1] as const) expect((await discovery(slug, process)).status).toBe(200)
    expect(await house.admin('POST', `/organizations/${slug}/suspend`)).toMatchObject({ body: { status: 'suspended' } })
    expect((await discovery(slug, 0)).status).toBe(403)
    // Told, and not found out: what it knows by itself lasts for five seconds.
    const told = { timeout: 4_000 }
    await expect.poll(async () => (await discovery(slug, 1)).status, told).toBe(403)
    expect(await house.ask(tokenCall(slug), 1)).toMatchObject({ status: 403, body: { code: 'TENANT_SUSPENDED' } })
    await house.admin('POST', `/organizations/${slug}/activate`)
    await expect.poll(async () => (await discovery(slug, 1)).status, told).toBe(200)
  })

  it('P12 tokens and codes of a suspended organization are refused with it', async () => {
    const { slug } = await house.organization()
    const { port } = house.deployment.processes[0]
    const login = { slug, ...ada, client: 'shop', redirect }
    const { access_token: token = '', refresh_token = '' } = await logIn(port, login)
    await house.admin('POST', `/organizations/${slug}/suspend`)
    const calls = [
      formCall(`/${slug}/auth/introspect`, { token, client_id: 'shop' }),
      formCall(`/${slug}/auth/token`, { grant_type: 'refresh_token', refresh_token, client_id: 'shop' }),
    ]
    for (const call of calls) expect((await house.ask(call)).status).toBe(403)
  })

  it('P13 P14 P15 archived is for ever, and answers as if it had never been', async () => {
    const { slug } = await house.organization()
    expect(await house.admin('POST', `/organizations/${slug}/archive`)).toMatchObject({ body: { status: 'archived' } })
    for (const path of ['/.well-known/openid-configuration', '/auth/jwks', '/auth/authorize']) {
      const [gone, never] = await Promise.all([`/${slug}`, '/never-was'].map(one => house.ask({ path: one + path })))
      expect(gone).toEqual(never)
      expect(gone?.status).toBe(404)
    }
    for (const move of ['activate', 'suspend', 'archive']) {
      const refused = await house.admin('POST', `/organizations/${slug}/${move}`)
      expect(refused).toMatchObject({ status: 409, body: { code: 'TRANSITION_REFUSED' } })
    }
  })

  it('P14 what changes nothing is refused', async () => {
    const { slug } = await house.organization()
    const move = async (name: string) => (await house.admin('POST', `/organizations/${slug}/${name}`)).status
    expect([await move('activate'), await move('suspend'), await move('suspend')]).toEqual([409, 200, 409])
  })

  it('P16 P19 P20 there is one control organization, which is neither suspended, archived nor destroyed', async () => {
    const { control, processes } = house.deployment
    for (const move of ['suspend', 'archive']) {
      const refused = await house.admin('POST', `/organizations/${control.slug}/${move}`)
      expect(refused).toMatchObject({ status: 409, body: { code: 'TRANSITION_REFUSED' } })
    }
    const destroyed = await house.admin('DELETE', `/organizations/${control.slug}`, { confirm: control.slug })
    expect(destroyed.status).toBe(409)
    const another = { slug: 'usurper', name: 'Usurper', isControl: true }
    expect(await house.admin('POST', '/organizations', another)).toMatchObject({ status: 400 })
    const { lifecycle } = processes[0].platform
    await expect(lifecycle.create(another, { actor: 'test' })).rejects.toMatchObject({ code: 'TENANT_EXISTS' })
  })

  it('P21 init refuses a second time; with force it mends what is missing, and nothing else', async () => {
    const { processes, admin, control } = house.deployment
    const [{ platform, people }] = processes
    await expect(init(platform, people, admin)).rejects.toMatchObject({ code: 'TENANT_EXISTS' })
    await platform.tenancy.run(control, () => platform.rows.query("delete from user_roles where role = 'admin'"))
    const again = await init(platform, people, admin, { force: true })
    expect(again.id).toBe(control.id)
    const login = { slug: control.slug, client: 'porta-cli', redirect: admin.redirectUri, ...admin }
    expect((await logIn(processes[0].port, login)).access_token).toBeTypeOf('string')
    expect((await house.admin('GET', '/organizations')).status).toBe(200)
  })

  it('P22 P24 If-Match keeps two administrators from overwriting each other', async () => {
    const { slug } = await house.organization()
    const path = `/organizations/${slug}/branding`
    const { body } = await house.admin('GET', `/organizations/${slug}`)
    const match = { 'if-match': `"${(body as { version: number }).version}"` }
    expect((await house.admin('PUT', path, { primaryColor: '#0f766e' }, match)).status).toBe(200)
    const late = await house.admin('PUT', path, { primaryColor: '#b91c1c' }, match)
    expect(late).toMatchObject({ status: 409, body: { code: 'VERSION_CONFLICT' } })
    expect(await house.admin('GET', path)).toMatchObject({ body: { primaryColor: '#0f766e' } })
    expect((await house.admin('PUT', path, {}, { 'if-match': 'W/"1"' })).status).toBe(400)
    const wrong = await house.admin('PUT', path, { customCss: '</style><script>' })
    expect(wrong).toMatchObject({
      status: 400,
      body: { code: 'INPUT_INVALID', detail: expect.stringContaining('customCss') },
    })
  })

  it('P15 destroying counts first, wants the name typed, erases all of it, and is in the history and the audit', async () => {
    const { slug, id } = await house.organization()
    const other = await house.organization()
    await codeOf(house.deployment.processes[0].port, { slug, ...ada, client: 'shop', redirect })
    expect((await house.admin('DELETE', `/organizations/${slug}`, { confirm: slug })).status).toBe(409)
    await house.admin('POST', `/organizations/${slug}/archive`, undefined, { 'x-reason': 'contract ended' })
    const dry = await house.admin('DELETE', `/organizations/${slug}?dry-run=true`)
    const counted = JSON.stringify(dry.body)
    expect([dry.status, counted]).toEqual([200, expect.stringContaining('users')])
    expect(counted).toContain('signing-key')
    const untyped = await house.admin('DELETE', `/organizations/${slug}`, { confirm: 'yes' })
    expect(untyped).toMatchObject({ status: 400, body: { code: 'CONFIRMATION_REQUIRED' } })
    const history = await house.admin('GET', `/organizations/${slug}/history`)
    expect(history.body).toMatchObject([
      { kind: 'archive', actor: 'root@porta.example', reason: 'contract ended' },
      { kind: 'create' },
    ])

    const erased = await house.admin('DELETE', `/organizations/${slug}`, { confirm: slug })
    expect(erased).toMatchObject({ status: 200, body: { tenant: id, proved: ['signing-key', 'pg-rls'] } })
    const { store } = house.deployment.processes[0].platform
    expect((await store.auditTrail({ tenant: id })).map(({ action }) => action)).toContain('tenant.destroy')
    expect(await store.verifyAudit()).toMatchObject({ ok: true })
    expect((await discovery(other.slug)).status).toBe(200)
    const reused = await house.admin('POST', '/organizations', { slug, name: 'Again' })
    expect(reused).toMatchObject({ status: 409, body: { code: 'TENANT_EXISTS' } })
  })
})
