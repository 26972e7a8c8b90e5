import { send } from '@tenantry/demo'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { expect, it } from 'vitest'
import { authorization, codeOf, formCall, hiddenFields, logIn } from '../src/browse.ts'
import { ada, describeHouse, redirect } from './support.ts'

describeHouse('the provider of each organization', house => {
  const port = () => house.deployment.processes[0].port
  const loginOf = (slug: string) => ({ slug, ...ada, client: 'shop', redirect })
  const token = (slug: string, fields: Readonly<Record<string, string>>) =>
    house.ask(formCall(`/${slug}/auth/token`, { client_id: 'shop', ...fields }))

  it('P04 P05 P07 is found by the slug alone, with an issuer of its own', async () => {
    const [a, b] = [await house.organization(), await house.organization()]
    for (const { slug } of [a, b]) {
      const { body } = await house.ask({ path: `/${slug}/.well-known/openid-configuration` })
      const issuer = `https://auth.example.com/${slug}`
      expect(body).toMatchObject({
        issuer,
        token_endpoint: `${issuer}/auth/token`,
        authorization_endpoint: `${issuer}/auth/authorize`,
      })
    }
    const keys = await Promise.all([a, b].map(({ slug }) => house.ask({ path: `/${slug}/auth/jwks` })))
    expect(keys[0]?.body).not.toEqual(keys[1]?.body)
    expect(JSON.stringify(keys)).not.toMatch(/"d"/)
  })

  it('P02 logs in with code and PKCE; the tokens are of the organization', async () => {
    const { slug, user } = await house.organization()
    await house.admin('PUT', `/organizations/${slug}/users/${user}/roles/shop/buyer`)
    await house.admin('PUT', `/organizations/${slug}/users/${user}/claims/level`, { value: 'gold' })
    const { access_token = '', id_token = '' } = await logIn(port(), loginOf(slug))
    const iss = `https://auth.example.com/${slug}`
    expect(decodeJwt(access_token)).toMatchObject({ iss, aud: 'shop', sub: user, roles: ['buyer'], level: 'gold' })
    expect(decodeJwt(id_token)).toMatchObject({ iss, aud: 'shop', nonce: 'n-1', email: ada.email })
    expect(decodeProtectedHeader(access_token)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' })
  })

  it('P06 many logins of many organizations at once are each of their own', async () => {
    const many = await Promise.all(Array.from({ length: 4 }, () => house.organization()))
    const tokens = await Promise.all([...many, ...many].map(({ slug }) => logIn(port(), loginOf(slug))))
    const subjects = tokens.map(({ access_token = '' }) => decodeJwt(access_token).sub)
    expect(subjects).toEqual([...many, ...many].map(({ user }) => user))
  })

  it('P30 the same address is two people in two organizations', async () => {
    const [a, b] = [await house.organization(), await house.organization()]
    expect(a.user).not.toBe(b.user)
    const twice = await house.admin('POST', `/organizations/${a.slug}/users`, { ...ada, email: 'ADA@example.com' })
    expect(twice).toMatchObject({ status: 409, body: { code: '23505' } })
    const wrong = await house.ask(
      formCall(`/${a.slug}/auth/login`, { ...authorization(loginOf(a.slug)).fields, email: ada.email, password: 'no' }),
    )
    expect(wrong.status).toBe(401)
  })

  it('E7 P02 what organization A has issued is nothing at B', async () => {
    const [a, b] = [await house.organization(), await house.organization()]
    const { access_token = '', refresh_token = '' } = await logIn(port(), loginOf(a.slug))
    const introspect = (slug: string) =>
      house.ask(formCall(`/${slug}/auth/introspect`, { token: access_token, client_id: 'shop' }))
    expect((await introspect(a.slug)).body).toMatchObject({ active: true })
    expect((await introspect(b.slug)).body).toEqual({ active: false })

    const refresh = { grant_type: 'refresh_token', refresh_token }
    expect(await token(b.slug, refresh)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect((await token(a.slug, refresh)).status).toBe(200)
    expect((await token(a.slug, refresh)).status).toBe(400)

    const { code, verifier } = await codeOf(port(), loginOf(a.slug))
    const exchange = { grant_type: 'authorization_code', code, redirect_uri: redirect, code_verifier: verifier }
    expect(await token(b.slug, exchange)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect((await token(a.slug, exchange)).status).toBe(200)
    expect((await token(a.slug, exchange)).status).toBe(400)
  })

  it('E7 P02 a consent of A is not given at B, nor are clients of A known there', async () => {
    const [a, b] = [await house.organization(), await house.organization()]
    const only = { id: 'only-a', application: 'shop', name: 'A only', redirect_uri: redirect }
    await house.admin('POST', `/organizations/${a.slug}/clients`, only)
    const unknown = formCall(`/${b.slug}/auth/token`, { client_id: 'only-a', grant_type: 'authorization_code' })
    expect(await house.ask(unknown)).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
    const { fields } = authorization(loginOf(a.slug))
    const consent = await house.ask(formCall(`/${a.slug}/auth/login`, { ...fields, ...ada }))
    const carried = { ...hiddenFields(consent.body), decision: 'allow' }
    expect((await house.ask(formCall(`/${b.slug}/auth/consent`, carried))).status).toBe(400)
    expect((await house.ask(formCall(`/${a.slug}/auth/consent`, carried))).status).toBe(303)
  })

  it('a code needs its verifier, and an address must be the registered one', async () => {
    const { slug } = await house.organization()
    const { code } = await codeOf(port(), loginOf(slug))
    const exchange = { grant_type: 'authorization_code', code, redirect_uri: redirect, code_verifier: 'x'.repeat(43) }
    expect((await token(slug, exchange)).status).toBe(400)
    for (const away of ['https://evil.example/', `${redirect}/../x`, '']) {
      const { path } = authorization({ ...loginOf(slug), redirect: away })
      expect((await house.ask({ path })).status).toBe(400)
    }
  })

  it('E8 E9 E13 hostile slugs are refused, and look like nobody', async () => {
    const hostile = [
      "'%20or%201=1--",
      '..%2Fadmin',
      '%2e%2e',
      'a%00b',
      'x'.repeat(64),
      '%EF%BD%81cme',
      'xn--acme',
      '-a',
      'a_b',
      '//x',
    ]
    for (const slug of hostile) {
      const { status, body } = await house.ask({ path: `/${slug}/.well-known/openid-configuration` })
      expect([400, 404]).toContain(status)
      expect(JSON.stringify(body)).not.toMatch(/syntax|select|stack/i)
    }
  })

  it('P17 P18 P32 the admin API takes tokens of the control organization only, of those who have the role there', async () => {
    const { slug, user } = await house.organization()
    const client = { id: 'cli', application: 'porta-admin', name: 'CLI', redirect_uri: redirect }
    await house.admin('POST', `/organizations/${slug}/clients`, client)
    await house.admin('PUT', `/organizations/${slug}/users/${user}/roles/porta-admin/admin`)
    const { access_token = '' } = await logIn(port(), { ...loginOf(slug), client: 'cli' })
    expect(decodeJwt(access_token)).toMatchObject({ aud: 'porta-admin', roles: ['admin'] })
    const list = (bearer: string) =>
      send(port(), { host: 'auth.example.com', path: '/api/admin/organizations', headers: { authorization: bearer } })
    for (const bearer of [`Bearer ${access_token}`, 'Bearer x.y.z', 'Bearer', 'Basic eA==', '']) {
      expect((await list(bearer)).status).toBe(401)
    }

    const { control, processes, admin } = house.deployment
    const [{ platform, people }] = processes
    const { access_token: mine = '' } = await logIn(port(), {
      ...{ slug: control.slug, client: 'porta-cli', redirect: admin.redirectUri },
      ...admin,
    })
    expect((await list(`Bearer ${mine}`)).status).toBe(200)
    const revoke = () => platform.rows.query("delete from user_roles where role = 'admin'")
    await platform.tenancy.run(control, revoke)
    expect((await list(`Bearer ${mine}`)).status).toBe(403)
    const { sub = '' } = decodeJwt(mine)
    await platform.tenancy.run(control, () => people.addRole(sub, 'porta-admin', 'admin'))
    expect((await list(`Bearer ${mine}`)).status).toBe(200)
  })
})
