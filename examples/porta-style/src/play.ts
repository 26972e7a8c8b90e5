import { type Answer, type Call, openStage, type Result } from '@tenantry/demo'
import { allow, authorization, formCall, hiddenFields } from './browse.ts'
import { describeAnswer } from './describe-answer.ts'
import { init } from './init.ts'
import type { Deployment } from './open-deployment.ts'

const redirect = 'https://shop.example/callback'
const colors = { acme: '#0f766e', globex: '#b91c1c' } as const
type Slug = keyof typeof colors

/** What administrators, people and attackers do, and what each must see. */
export async function play({ admin, control, processes, owner }: Deployment): Promise<readonly Result[]> {
  const stage = openStage(describeAnswer)
  const [first, second] = processes

  async function request(
    who: string,
    what: string,
    call: Omit<Call, 'host'>,
    status: number,
    says: string,
    port = first.port,
  ) {
    return stage.play(port, { who, what, call: { host: 'auth.example.com', ...call }, status, says })
  }
  const see = (what: string, found: string, says: string) => stage.see({ who: 'administrator', what, found, says })

  /** Login page, password, consent, code, token: as a browser and a client do it. */
  async function logIn(
    who: string,
    slug: string,
    client: string,
    target: string,
    email: string,
    password: string,
    brand: string,
    says: string,
  ) {
    const { path, fields, verifier } = authorization({ slug, client, redirect: target })
    await request(who, `opens the login of ${slug}`, { path }, 200, `Sign in · ${brand}`)
    const form = formCall(`/${slug}/auth/login`, { ...fields, email, password })
    const consent = await request(who, 'gives the password', form, 200, `Allow · ${brand}`)
    const code = (await allow(first.port, slug, consent)).searchParams.get('code') ?? ''
    const exchange = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: target,
      client_id: client,
      code_verifier: verifier,
    }
    const { body } = await request(who, 'trades the code', formCall(`/${slug}/auth/token`, exchange), 200, says)
    return { ...(body as { access_token: string; refresh_token: string }), consent }
  }

  // P16–P21: the control organization, and the way in.
  const again = await init(first.platform, first.people, admin).then(
    () => 'made twice',
    (error: { code: string }) => error.code,
  )
  see('init, for the second time', again, 'TENANT_EXISTS')
  const forced = await init(first.platform, first.people, admin, { force: true })
  see('init --force', forced.id === control.id ? 'the same organization' : 'another one', 'the same organization')
  const root = await logIn(
    'root',
    control.slug,
    'porta-cli',
    admin.redirectUri,
    admin.email,
    admin.password,
    'Porta, in #3b82f6',
    'a token of porta-control for porta-admin, as admin',
  )
  const headers = { authorization: `Bearer ${root.access_token}` }
  const manage = (
    what: string,
    method: string,
    path: string,
    body: unknown,
    status: number,
    says: string,
    more: object = {},
  ) =>
    request(
      'root',
      what,
      { method, path: `/api/admin/organizations${path}`, body, headers: { ...headers, ...more } },
      status,
      says,
    )

  // P01–P08, P22–P31: two organizations.
  const users = {} as Record<Slug, string>
  for (const [slug, primaryColor] of Object.entries(colors) as [Slug, string][]) {
    const name = slug === 'acme' ? 'Acme' : 'Globex'
    await manage(`makes ${slug}`, 'POST', '', { slug, name, branding: { primaryColor } }, 201, 'active')
    const client = { id: 'shop', application: 'shop', name: 'Shop', redirect_uri: redirect }
    await manage(`gives ${slug} a client`, 'POST', `/${slug}/clients`, client, 201, redirect)
    const bob = { email: 'bob@example.com', name: 'Bob', password: `${slug}'s own` }
    const { body } = await manage(`gives ${slug} a bob`, 'POST', `/${slug}/users`, bob, 201, bob.email)
    users[slug] = (body as { id: string }).id
  }
  await manage('bob may manage acme', 'PUT', `/acme/users/${users.acme}/roles/shop/manager`, undefined, 200, 'manager')
  await manage('globex’ bob, in acme', 'PUT', `/acme/users/${users.globex}/roles/shop/manager`, undefined, 409, '23503')
  await manage('lists', 'GET', '', undefined, 200, 'acme, globex, porta-control')
  for (const slug of ['acme', 'globex']) {
    const path = `/${slug}/.well-known/openid-configuration`
    await request('client', `discovers ${slug}`, { path }, 200, `issuer https://auth.example.com/${slug}`)
  }
  const asBob = (slug: Slug, brand: string, says: string) =>
    logIn('bob', slug, 'shop', redirect, 'bob@example.com', `${slug}'s own`, brand, says)
  const bob = await asBob('acme', 'Acme, in #0f766e', 'a token of acme for shop, as manager')
  await asBob('globex', 'Globex, in #b91c1c', 'a token of globex for shop, as nobody special')

  await attacks(request, { bob, headers })
  await brands()
  await life()
  await behind()
  return stage.results

  /** C36: brands are checked, and changed by one at a time. */
  async function brands(): Promise<void> {
    const style = { customCss: 'a{background:url(https://evil.example/)}' }
    await manage('a style that tells', 'PUT', '/acme/branding', style, 400, 'INPUT_INVALID')
    await manage(
      'a logo that is a script',
      'PUT',
      '/acme/branding',
      { logoUrl: 'javascript:alert(1)' },
      400,
      'INPUT_INVALID',
    )
    const match = { 'if-match': '"999"' }
    await manage('what somebody else changed', 'PUT', '/acme/branding', {}, 409, 'VERSION_CONFLICT', match)
    await manage('a new colour', 'PUT', '/acme/branding', { primaryColor: '#7c3aed' }, 200, 'active')
    await manage('looks at it', 'GET', '/acme/branding', undefined, 200, '#7c3aed')
  }

  /** P11–P15: three states, known to both processes. */
  async function life(): Promise<void> {
    const discover = (slug: string, status: number, says: string) =>
      request(
        'client',
        `asks the other process for ${slug}`,
        { path: `/${slug}/.well-known/openid-configuration` },
        status,
        says,
        second.port,
      )
    await discover('globex', 200, 'issuer https://auth.example.com/globex')
    await manage('suspends globex', 'POST', '/globex/suspend', undefined, 200, 'suspended')
    await until(async () => (await ask(second.port, '/globex/auth/jwks')) === 403)
    await discover('globex', 403, 'TENANT_SUSPENDED')
    const { path } = authorization({ slug: 'globex', client: 'shop', redirect })
    const page = { path, headers: { accept: 'text/html' } }
    await request('bob', 'opens the login of globex', page, 403, 'This organization is suspended. · Globex, in #b91c1c')
    await manage('suspends it twice', 'POST', '/globex/suspend', undefined, 409, 'TRANSITION_REFUSED')
    await manage('activates it', 'POST', '/globex/activate', undefined, 200, 'active')
    await until(async () => (await ask(second.port, '/globex/auth/jwks')) === 200)
    await discover('globex', 200, 'issuer https://auth.example.com/globex')
    await manage('suspends the control', 'POST', `/${control.slug}/suspend`, undefined, 409, 'TRANSITION_REFUSED')
    await manage('archives globex', 'POST', '/globex/archive', undefined, 200, 'archived')
    await until(async () => (await ask(second.port, '/globex/auth/jwks')) === 404)
    await discover('globex', 404, 'TENANT_NOT_FOUND')
    await discover('never-was', 404, 'TENANT_NOT_FOUND')
    await manage('activates it again', 'POST', '/globex/activate', undefined, 409, 'TRANSITION_REFUSED')
    await manage('its history', 'GET', '/globex/history', undefined, 200, 'archive, resume, suspend, create')
    await manage('destroys it, dry', 'DELETE', '/globex?dry-run=true', undefined, 200, 'would erase 6 things')
    await manage('destroys it, unconfirmed', 'DELETE', '/globex', { confirm: 'yes' }, 400, 'CONFIRMATION_REQUIRED')
    const erased = 'erased; nothing left in pg-rls, signing-key'
    await manage('destroys it', 'DELETE', '/globex', { confirm: 'globex' }, 200, erased)
    await manage('makes another globex', 'POST', '', { slug: 'globex', name: 'Globex' }, 409, 'TENANT_EXISTS')
  }

  /** P09, P34 and the audit. */
  async function behind(): Promise<void> {
    const { cache, store } = second.platform
    await ask(second.port, '/acme/auth/jwks')
    const before = cache.stats().reads
    await ask(second.port, '/acme/auth/jwks')
    see('questions to the registry by the second request', String(cache.stats().reads - before), '0')
    const { rows } = await owner.query('select count(*)::int as count from users')
    see('people that SQL without an organization sees', String(rows[0]?.count), '0')
    const { ok } = await store.verifyAudit()
    see('the chain of the audit', ok ? 'whole' : 'broken', 'whole')
  }
}

type Ask = (who: string, what: string, call: Omit<Call, 'host'>, status: number, says: string) => Promise<Answer>

/** What the pentest of an identity provider tries first. */
async function attacks(
  request: Ask,
  {
    bob,
    headers,
  }: { readonly bob: { access_token: string; refresh_token: string; consent: Answer }; readonly headers: object },
): Promise<void> {
  const attack = (what: string, path: string, fields: Readonly<Record<string, string>>, status: number, says: string) =>
    request('attacker', what, formCall(path, fields), status, says)
  const introspection = { token: bob.access_token, client_id: 'shop' }
  await attack('acme’s token at acme', '/acme/auth/introspect', introspection, 200, 'active')
  await attack('acme’s token at globex', '/globex/auth/introspect', introspection, 200, 'inactive')
  const refresh = { grant_type: 'refresh_token', refresh_token: bob.refresh_token, client_id: 'shop' }
  await attack('acme’s refresh token at globex', '/globex/auth/token', refresh, 400, 'invalid_grant')
  await attack(
    'acme’s consent at globex',
    '/globex/auth/consent',
    hiddenFields(bob.consent.body),
    400,
    'This page has expired. · Globex, in #b91c1c',
  )
  const unknown = { ...refresh, client_id: 'porta-cli' }
  await attack('a client of the control at acme', '/acme/auth/token', unknown, 401, 'invalid_client')
  const admin = (what: string, authorization: string) =>
    request(
      'attacker',
      what,
      { path: '/api/admin/organizations', headers: { ...headers, authorization } },
      401,
      'CREDENTIAL_INVALID',
    )
  await admin('acme’s token at the admin API', `Bearer ${bob.access_token}`)
  await admin('no token at the admin API', '')
  await request('attacker', 'a slug with SQL', { path: "/'%20or%201=1--/auth/jwks" }, 400, 'REQUEST_INVALID')
  await request('attacker', 'a slug that climbs', { path: '/..%2Fadmin/auth/jwks' }, 400, 'REQUEST_INVALID')
}

async function ask(port: number, path: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`)
  await response.body?.cancel()
  return response.status
}

/** The promise is a second; a scene that is played afterwards says whether it was kept. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 1000; Date.now() < end && !(await condition()); ) await new Promise(setImmediate)
}
