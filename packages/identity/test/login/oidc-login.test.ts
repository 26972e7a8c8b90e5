import { host, secret } from '@tenantry/core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { memorySingleUse, oidcLogin, oidcSettingsOf } from '../../src/index.ts'
import { refusal, shown } from '../support.ts'
import { openBrowser } from './browser.ts'
import { fragmentOf, type LoginWorld, loginWorld } from './world.ts'

let world: LoginWorld
let kept: LoginWorld['settings']

beforeAll(async () => {
  world = await loginWorld()
  kept = { ...world.settings }
})
afterEach(() => {
  Object.assign(world.settings, kept)
  world.use({})
  world.log.records.length = 0
})
afterAll(() => world.close())

const start = (body: object | string, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  fetch(`${world.base}/v1/auth/oidc/login`, {
    ...{ method: 'POST', redirect: 'manual', headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const problem = async (response: Response) => `${response.status} ${((await response.json()) as { code: string }).code}`
const changed = (address: string, change: Record<string, string | undefined>) => {
  const url = new URL(address)
  for (const [name, value] of Object.entries(change))
    value === undefined ? url.searchParams.delete(name) : url.searchParams.set(name, value)
  return url.href
}
const paramOf = (address: string, name: string) => new URL(address).searchParams.get(name) ?? ''

describe('a login', () => {
  it('I37 I38 I39 C35 of each tenant goes to its own provider, over one callback, and ends in a token of this tenant', async () => {
    for (const tenant of ['a', 'b'] as const) {
      const browser = openBrowser()
      const address = await world.begin(browser, tenant)
      expect(address.startsWith(`${world.providers[tenant].issuer}/auth?`)).toBe(true)
      const back = await world.signIn(browser, address)
      expect(back.startsWith(`${world.callback}?`)).toBe(true)
      const end = await browser.follow(back, `${world.base}/frontend`)
      const { access_token, token_type, expires_in, ...others } = fragmentOf(end)
      expect(end.startsWith(`${world.frontendOf(tenant)}#`)).toBe(true)
      expect([token_type, expires_in, others]).toEqual(['Bearer', '900', {}])
      const { tenant: resolved, claims } = await world.resolve(access_token ?? '')
      expect(resolved.id).toBe(tenant)
      expect(claims).toMatchObject({ tenant_id: tenant, role: 'member', idp: world.providers[tenant].issuer })
    }
  })

  it('I39 one name at two providers is two people', async () => {
    const subjects = new Set<unknown>()
    for (const tenant of ['a', 'b', 'a']) {
      const { access_token } = fragmentOf(await world.logIn(openBrowser(), tenant, 'ada'))
      subjects.add((await world.resolve(access_token ?? '')).claims.sub)
    }
    expect(subjects.size).toBe(2)
  })

  it('I22 asks for the scopes of the tenant, with PKCE S256, a nonce and a sealed state, and shows nothing in it', async () => {
    const address = await world.begin(openBrowser(), 'a')
    const { searchParams } = new URL(address)
    expect(searchParams.get('scope')).toBe('openid profile email')
    expect(searchParams.get('code_challenge_method')).toBe('S256')
    expect(searchParams.get('code_challenge')).toMatch(/^[\w-]{43}$/)
    expect(searchParams.get('nonce')).toMatch(/^[\w-]{43}$/)
    expect(searchParams.get('state')?.split('.')).toHaveLength(5)
    world.settings.a = { ...kept.a, oidc_scopes: 'openid groups' }
    expect(paramOf(await world.begin(openBrowser(), 'a'), 'scope')).toBe('openid groups')
  })

  it('E16 binds the login to the browser by a cookie of this host alone', async () => {
    const response = await start({ tenant_id: 'a' })
    expect(response.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^__Host-tenantry-login=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=600$/),
    ])
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('referrer-policy')).toBe('no-referrer')
  })

  it('two in two windows of one browser do not undo each other', async () => {
    const browser = openBrowser()
    const addresses = [await world.begin(browser, 'a'), await world.begin(browser, 'b')]
    const backs = [await world.signIn(browser, addresses[1] ?? ''), await world.signIn(browser, addresses[0] ?? '')]
    const ends = await Promise.all(backs.map(back => browser.follow(back, `${world.base}/frontend`)))
    expect(ends.map(end => end.split('#', 1)[0])).toEqual([world.frontendOf('b'), world.frontendOf('a')])
  })

  it('gives the frontend back what it knows its login by', async () => {
    const browser = openBrowser()
    const back = await world.signIn(browser, await world.begin(browser, 'a', { state: 'from-the-frontend' }))
    expect(fragmentOf(await browser.follow(back, `${world.base}/frontend`)).state).toBe('from-the-frontend')
    expect(await problem(await start({ tenant_id: 'a', state: 'a b' }))).toBe('400 REQUEST_INVALID')
  })

  it('whom the application does not admit, and who gives up, gets no token', async () => {
    world.use({ admit: () => undefined })
    expect(fragmentOf(await world.logIn(openBrowser(), 'a'))).toEqual({ error: 'access_denied' })
    world.use({})
    const browser = openBrowser()
    const page = await browser.follow(await world.begin(browser, 'a'), world.callback)
    const back = await browser.follow(page, world.callback, {
      method: 'POST',
      body: new URLSearchParams({ login: '' }),
    })
    const end = await browser.follow(back, `${world.base}/frontend`)
    expect([end.split('#', 1)[0], fragmentOf(end)]).toEqual([world.frontendOf('a'), { error: 'access_denied' }])
  })

  it('shows the application the claims of the provider, and takes role and subject from it', async () => {
    world.use({ admit: ({ sub, iss }, { id }) => ({ role: `${id} ${iss}`, subject: `user of ${sub}` }) })
    const { claims } = await world.resolve(fragmentOf(await world.logIn(openBrowser(), 'b', 'eve')).access_token ?? '')
    expect(claims).toMatchObject({ sub: 'user of eve', role: `b ${world.providers.b.issuer}` })
  })
})

describe('the start', () => {
  it('C04 takes the tenant from a JSON object, a form, the query or a hint, which must agree', async () => {
    const [form, path] = [{ 'content-type': 'application/x-www-form-urlencoded' }, '/v1/auth/oidc/login']
    const ask = (url: string) => fetch(`${world.base}${url}`, { redirect: 'manual' })
    const issuer = (response: Response) => new URL(response.headers.get('location') ?? '').origin
    expect(issuer(await start({ tenant_id: 'a' }))).toBe(world.providers.a.issuer)
    expect(issuer(await start('tenant_id=b', form))).toBe(world.providers.b.issuer)
    expect(issuer(await ask(`${path}?tenant_id=b`))).toBe(world.providers.b.issuer)
    const of = (name: string, query = '') => {
      const headers = { host: `${name}.example.com` }
      return oidcLogin({ ...world.options, hints: [host({ baseDomains: ['example.com'] })] }).start(
        new Request(`https://${name}.example.com${path}${query}`, { headers }),
      )
    }
    expect(issuer(await of('b'))).toBe(world.providers.b.issuer)
    expect(issuer(await of('b', '?tenant_id=b'))).toBe(world.providers.b.issuer)
    expect(await problem(await of('b', '?tenant_id=a'))).toBe('403 TENANT_AMBIGUOUS')
    expect(await problem(await of('ghost'))).toBe('404 TENANT_NOT_FOUND')
    expect(await problem(await ask(path))).toBe('400 TENANT_ABSENT')
  })

  it('I20 E13 answers one thing for a tenant that is unknown, not active, or without a provider', async () => {
    world.registry.add({ id: 'sus', slug: 'sus', name: 'sus', status: 'suspended' })
    world.settings.sus = kept.a ?? {}
    const answers = await Promise.all(
      ['none', 'ghost', 'sus', '', '../a', 'a b', '__proto__'].map(async tenant_id => {
        const response = await start({ tenant_id })
        return `${response.status} ${await response.text()} ${response.headers.getSetCookie()}`
      }),
    )
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain('404')
  })

  it.each(['oidc_client_id', 'oidc_client_secret', 'oidc_redirect_url', 'frontend_url'])(
    'I21 I19 says that %s is missing, to the log and to nobody else',
    async name => {
      world.settings.a = { ...kept.a, [name]: undefined }
      const response = await start({ tenant_id: 'a' })
      expect(await problem(response)).toBe('500 CONFIG_INVALID')
      const [record] = world.log.records
      expect(record?.message).toContain(`${name} is required with oidc_issuer`)
      expect(record?.message.match(/is required/g)).toHaveLength(1)
      expect(shown(world.log.records)).not.toContain('secret-of')
    },
  )

  it.each([
    ['oidc_issuer', 'http://id.example.com'],
    ['oidc_issuer', 'https://id.example.com/.well-known/openid-configuration'],
    ['oidc_issuer', 'https://id.example.com?x'],
    ['oidc_redirect_url', 'https://app.example.com/callback?x=1'],
    ['frontend_url', 'javascript:alert(1)'],
    ['oidc_scopes', 'profile'],
    ['oidc_client_id', ''],
  ])('I21 E17 refuses %s %s', async (name, value) => {
    world.settings.a = { ...kept.a, [name]: value }
    expect(await problem(await start({ tenant_id: 'a' }))).toBe('500 CONFIG_INVALID')
  })

  it('takes no plain http, unless it is told to', async () => {
    world.use({ allowInsecure: false })
    expect(await problem(await start({ tenant_id: 'a' }))).toBe('500 CONFIG_INVALID')
  })

  it('E4 takes no field twice, nothing but fields, and not much of them', async () => {
    for (const body of ['{"tenant_id":"a","tenant_id":"b"}', '[]', '{', '{"tenant_id":["a"]}', 'x'.repeat(20_000)])
      expect(await problem(await start(body))).toBe('400 REQUEST_INVALID')
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    expect(await problem(await start('tenant_id=a&tenant_id=b', form))).toBe('400 REQUEST_INVALID')
    expect(await problem(await start('tenant_id=a', { 'content-type': 'text/plain' }))).toBe('400 REQUEST_INVALID')
    const response = await fetch(`${world.base}/v1/auth/oidc/login`, { method: 'DELETE' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, POST'])
  })

  it('needs a secret worth the name, and times that are some', async () => {
    await refusal('ARGUMENT_INVALID', () => oidcLogin({ ...world.options, secret: secret('x'.repeat(31)) }))
    for (const time of ['lifetime', 'timeout', 'discoveryLifetime'])
      await refusal('ARGUMENT_INVALID', () => oidcLogin({ ...world.options, [time]: 0 }))
  })

  it('takes the settings that stand with the tenant, and the secret by its name', async () => {
    const { oidc_client_secret, ...others } = kept.a ?? {}
    const tenant = world.registry.add({
      id: 'own',
      slug: 'own',
      name: 'own',
      settings: { ...others, plan: 'pro' } as Record<string, string>,
    })
    const asked: string[] = []
    const settings = oidcSettingsOf(({ id }, name) => {
      asked.push(`${id} ${name}`)
      return oidc_client_secret
    })
    world.use({ settings })
    expect((await world.logIn(openBrowser(), 'own')).startsWith(world.frontendOf('a'))).toBe(true)
    expect(asked).toContain(`${tenant.id} oidc_client_secret`)
    expect(await settings({ ...tenant, settings: { plan: 'pro' } })).toEqual({})
  })
})

describe('the callback', () => {
  const refused = async (response: Response) => expect(await problem(response)).toBe('401 CREDENTIAL_INVALID')

  it('I38 takes a state once', async () => {
    const browser = openBrowser()
    const back = await world.signIn(browser, await world.begin(browser, 'a'))
    const before = world.providers.a.requests.length
    const [one, other] = await Promise.all([browser.visit(back), browser.visit(back)])
    expect([one.status, other.status].sort()).toEqual([303, 401])
    // The one that was late has asked the provider nothing.
    expect(world.providers.a.requests.slice(before).filter(path => path === '/token')).toHaveLength(1)
    await refused(await browser.visit(back))
    await refused(await browser.visit(changed(back, { code: 'another' })))
  })

  it('I38 once in all processes that share what was used', async () => {
    const singleUse = memorySingleUse()
    const browser = openBrowser()
    world.use({ singleUse })
    const back = await world.signIn(browser, await world.begin(browser, 'a'))
    expect((await browser.visit(back)).status).toBe(303)
    world.use({ singleUse })
    await refused(await browser.visit(back))
  })

  it('E16 I38 takes no state of another browser, and does not use it up', async () => {
    const [mine, other] = [openBrowser(), openBrowser()]
    const back = await world.signIn(mine, await world.begin(mine, 'a'))
    await world.begin(other, 'a')
    await refused(await other.visit(back))
    await refused(await fetch(back, { redirect: 'manual' }))
    const pair = mine.cookiesFor(world.callback)
    for (const cookie of [`${pair}; ${pair}`, `${pair}x`, pair.replace('__Host-', ''), pair.slice(0, -1)])
      await refused(await fetch(back, { redirect: 'manual', headers: { cookie } }))
    expect((await mine.visit(back)).status).toBe(303)
  })

  it('I38 takes no state that was not sealed here, or whose time is over', async () => {
    const browser = openBrowser()
    const back = await world.signIn(browser, await world.begin(browser, 'a'))
    const state = paramOf(back, 'state')
    const parts = state.split('.')
    const flipped = [...parts.slice(0, 3), `${parts[3]?.startsWith('A') ? 'B' : 'A'}${parts[3]?.slice(1)}`, parts[4]]
    for (const bad of ['', 'x', 'a', `${state}x`, flipped.join('.'), 'x'.repeat(5_000), 'eyJhbGciOiJub25lIn0.e30.'])
      await refused(await browser.visit(changed(back, { state: bad })))
    await refused(await browser.visit(changed(back, { state: undefined })))
    world.use({ secret: secret('another secret of at least 32 bytes.') })
    await refused(await browser.visit(back))
    world.use({ lifetime: 1 })
    const late = await world.begin(openBrowser(), 'a')
    expect(late).toBeDefined()
    const slow = openBrowser()
    const end = await world.signIn(slow, await world.begin(slow, 'a'))
    await new Promise(resolve => setTimeout(resolve, 2_100))
    await refused(await slow.visit(end))
  })

  it('E6 C35 I38 mix-up: what one provider answers never ends the login of the other tenant', async () => {
    for (const [tenant, other] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      // The victim begins at one, and is sent back with what the attacker got from the other.
      for (const kind of ['honest iss', 'forged iss', 'no iss'] as const) {
        const [victim, attacker] = [openBrowser(), openBrowser()]
        const own = await world.signIn(victim, await world.begin(victim, tenant))
        const foreign = await world.signIn(attacker, await world.begin(attacker, other), 'mallory')
        const iss = { 'honest iss': world.providers[other].issuer, 'forged iss': world.providers[tenant].issuer }
        const mixed = changed(own, { code: paramOf(foreign, 'code'), iss: kind === 'no iss' ? undefined : iss[kind] })
        const before = world.providers[tenant].requests.length
        await refused(await victim.visit(mixed))
        // The code of the other, and our client's secret, are told to nobody whose answer was not his own.
        const told = world.providers[tenant].requests.slice(before).includes('/token')
        expect([kind, told]).toEqual([kind, kind === 'forged iss'])
      }
    }
  })

  it('E6 C35 takes no code that was given to somebody else at the same provider', async () => {
    const [victim, attacker] = [openBrowser(), openBrowser()]
    const own = await world.signIn(victim, await world.begin(victim, 'a'))
    const foreign = await world.signIn(attacker, await world.begin(attacker, 'a'), 'mallory')
    await refused(await victim.visit(changed(own, { code: paramOf(foreign, 'code') })))
  })

  it('C35 ends no login with other settings than it began with', async () => {
    for (const change of [{ oidc_client_id: 'shared' }, { oidc_issuer: world.providers.b.issuer }]) {
      const browser = openBrowser()
      const back = await world.signIn(browser, await world.begin(browser, 'a'))
      world.settings.a = { ...kept.a, ...change }
      await refused(await browser.visit(back))
      world.settings.a = kept.a ?? {}
    }
  })

  it('ends no login of a tenant that is no longer active, or has no login any more', async () => {
    const browser = openBrowser()
    const backs = [
      await world.signIn(browser, await world.begin(browser, 'b')),
      await world.signIn(browser, await world.begin(browser, 'b')),
    ]
    world.registry.update('b', { status: 'suspended' })
    expect(await problem(await browser.visit(backs[0] ?? ''))).toBe('404 TENANT_NOT_FOUND')
    world.registry.update('b', { status: 'active' })
    world.settings.b = {}
    expect(await problem(await browser.visit(backs[1] ?? ''))).toBe('404 TENANT_NOT_FOUND')
  })

  it('E17 leads to the frontend of the tenant, whatever the request says', async () => {
    const browser = openBrowser()
    const address = await world.begin(browser, 'a', {
      redirect_uri: 'https://evil.example',
      return_to: '//evil.example',
    })
    expect(paramOf(address, 'redirect_uri')).toBe(world.callback)
    const back = changed(await world.signIn(browser, address), {
      frontend_url: 'https://evil.example',
      next: '//evil.example',
    })
    const headers = { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' }
    const response = await browser.visit(back, { headers })
    expect(response.headers.get('location')?.split('#', 1)[0]).toBe(world.frontendOf('a'))
    const failing = openBrowser()
    const failed = changed(await world.signIn(failing, await world.begin(failing, 'a')), {
      ...{ code: undefined, error: 'https://evil.example', error_uri: 'https://evil.example' },
    })
    const end = (await failing.visit(failed)).headers.get('location') ?? ''
    expect(end).toBe(`${world.frontendOf('a')}#error=server_error`)
  })

  it('E4 takes no parameter twice, and is a GET', async () => {
    const browser = openBrowser()
    const back = await world.signIn(browser, await world.begin(browser, 'a'))
    expect(await problem(await browser.visit(`${back}&state=x`))).toBe('400 REQUEST_INVALID')
    expect((await browser.visit(back, { method: 'POST' })).status).toBe(405)
    expect((await browser.visit(back)).status).toBe(303)
  })

  it('P8 keeps codes, tokens and secrets out of the log and out of answers', async () => {
    const browser = openBrowser()
    const back = await world.signIn(browser, await world.begin(browser, 'a'))
    world.settings.a = { ...kept.a, oidc_client_secret: secret('a-wrong-secret') }
    const response = await browser.visit(back)
    const answer = await response.text()
    expect(response.status).toBe(500)
    expect(answer).toContain('CREDENTIALS_REFUSED')
    const all = `${shown(world.log.records)} ${answer}`
    for (const value of [paramOf(back, 'code'), paramOf(back, 'state'), 'a-wrong-secret', 'secret-of-client-a'])
      expect(all).not.toContain(value)
  })
})
