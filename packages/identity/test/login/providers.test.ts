import { generateKeyPairSync } from 'node:crypto'
import { secret } from '@tenantry/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openBrowser } from './browser.ts'
import { type HostileProvider, hostileProvider } from './hostile-provider.ts'
import { fragmentOf, type LoginWorld, loginWorld } from './world.ts'

let world: LoginWorld
let hostile: HostileProvider

beforeAll(async () => {
  world = await loginWorld()
  hostile = await hostileProvider('client-h')
  world.registry.add({ id: 'h', slug: 'h', name: 'h' })
  world.settings.h = {
    ...{ oidc_issuer: hostile.issuer, oidc_client_id: 'client-h', oidc_client_secret: secret('secret-of-h') },
    ...{ oidc_redirect_url: world.callback, frontend_url: world.frontendOf('h') },
  }
})
beforeEach(() => {
  hostile.reset()
  hostile.requests.length = 0
  world.use({})
})
afterAll(async () => {
  await world.close()
  await hostile.close()
})

const start = (tenant: string) => fetch(`${world.base}/v1/auth/oidc/login?tenant_id=${tenant}`, { redirect: 'manual' })
const codeOf = async (response: Response) => `${response.status} ${((await response.json()) as { code: string }).code}`

/** The answer to a login at the provider that answers whatever it is told. */
async function end(more: Record<string, string> = {}): Promise<Response> {
  const browser = openBrowser()
  const address = new URL(await world.begin(browser, 'h'))
  hostile.nonce = address.searchParams.get('nonce') ?? ''
  const state = address.searchParams.get('state') ?? ''
  const answer = new URLSearchParams({ code: 'c', iss: hostile.issuer, ...more, state })
  return browser.visit(`${world.callback}?${answer}`)
}

describe('a provider', () => {
  it('C35 that answers as it should is believed, which the rest of this rests on', async () => {
    const response = await end()
    expect(response.status).toBe(303)
    expect(fragmentOf(response.headers.get('location') ?? '').access_token).toBeDefined()
    // Its signature was looked at.
    expect(hostile.requests).toContain('/jwks')
  })

  it.each<[string, () => void]>([
    ['another issuer', () => Object.assign(hostile.claims, { iss: 'https://id.example.com' })],
    ['the issuer of the other tenant', () => Object.assign(hostile.claims, { iss: world.providers.a.issuer })],
    ['another audience', () => Object.assign(hostile.claims, { aud: 'client-a' })],
    ['several audiences and another party', () => Object.assign(hostile.claims, { aud: ['client-h', 'x'], azp: 'x' })],
    ['another nonce', () => Object.assign(hostile.claims, { nonce: 'x'.repeat(43) })],
    ['no nonce', () => Object.assign(hostile.claims, { nonce: undefined })],
    ['no subject', () => Object.assign(hostile.claims, { sub: undefined })],
    ['no end', () => Object.assign(hostile.claims, { exp: undefined })],
    ['an end that is over', () => Object.assign(hostile.claims, { exp: 1 })],
    ['no algorithm', () => Object.assign(hostile.header, { alg: 'none' })],
    ['another algorithm', () => Object.assign(hostile.header, { alg: 'HS256' })],
    ['a key that is not there', () => Object.assign(hostile.header, { kid: 'none' })],
    [
      'the signature of somebody else',
      () => Object.assign(hostile, { key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey }),
    ],
  ])('E5 E6 C35 whose ID token has %s is not believed', async (_, spoil) => {
    spoil()
    expect(await codeOf(await end())).toBe('401 CREDENTIAL_INVALID')
  })

  it('E6 that says that it names itself must do so in its answer (RFC 9207)', async () => {
    const browser = openBrowser()
    const address = new URL(await world.begin(browser, 'h'))
    hostile.nonce = address.searchParams.get('nonce') ?? ''
    const answer = new URLSearchParams({ code: 'c', state: address.searchParams.get('state') ?? '' })
    expect(await codeOf(await browser.visit(`${world.callback}?${answer}`))).toBe('401 CREDENTIAL_INVALID')
    expect(hostile.requests).not.toContain('/token')
  })

  it('E6 an answer with an error must come from the provider, too', async () => {
    const browser = openBrowser()
    const state = new URL(await world.begin(browser, 'h')).searchParams.get('state') ?? ''
    const answer = new URLSearchParams({ error: 'access_denied', iss: world.providers.a.issuer, state })
    expect(await codeOf(await browser.visit(`${world.callback}?${answer}`))).toBe('401 CREDENTIAL_INVALID')
  })

  it('E6 C35 whose metadata names another issuer is not believed', async () => {
    for (const issuer of [world.providers.a.issuer, `${hostile.issuer}/other`, undefined]) {
      world.use({})
      hostile.metadata = { issuer }
      expect(await codeOf(await start('h'))).toBe('503 CREDENTIALS_UNAVAILABLE')
    }
  })

  it('is not followed anywhere by its redirects', async () => {
    for (const path of ['/.well-known/openid-configuration', '/token', '/jwks']) {
      world.use({})
      hostile.reset()
      const before = world.providers.a.requests.length
      const location = `${world.providers.a.issuer}/.well-known/openid-configuration`
      hostile.answers[path] = response => response.writeHead(302, { location }).end()
      const response = path.startsWith('/.well') ? await start('h') : await end()
      expect(response.status).toBeGreaterThan(400)
      expect(world.providers.a.requests.length).toBe(before)
    }
  })

  it('cannot fill the memory, nor keep anybody waiting', async () => {
    world.use({ timeout: 200 })
    let sent = 0
    hostile.answers['/.well-known/openid-configuration'] = response => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = () => {
        if (response.destroyed || sent > 64 * 1_048_576) return
        sent += 65_536
        response.write(' '.repeat(65_536), more)
      }
      more()
    }
    expect(await codeOf(await start('h'))).toBe('503 CREDENTIALS_UNAVAILABLE')
    // The socket's buffers are full before it is noticed.
    expect(sent).toBeLessThan(32 * 1_048_576)
    world.use({ timeout: 200 })
    hostile.answers['/.well-known/openid-configuration'] = () => undefined
    expect(await codeOf(await start('h'))).toBe('503 CREDENTIALS_UNAVAILABLE')
  })

  it.each(['/token', '/jwks'])('whose %s breaks is nobody’s fault who logs in', async path => {
    hostile.answers[path] = response => response.writeHead(502).end()
    expect(await codeOf(await end())).toBe('503 CREDENTIALS_UNAVAILABLE')
  })

  it('is asked of itself once for many logins, and again when that is old', async () => {
    world.use({ discoveryLifetime: 300 })
    const asked = () => hostile.requests.filter(path => path === '/.well-known/openid-configuration').length
    await Promise.all(Array.from({ length: 20 }, () => start('h')))
    expect(asked()).toBe(1)
    await new Promise(resolve => setTimeout(resolve, 350))
    await start('h')
    expect(asked()).toBe(2)
  })

  it('that is down is 503 for its own tenant and no other, is not asked all the time, and is there again when it is', async () => {
    world.use({ discoveryLifetime: 1 })
    await world.providers.b.down()
    const down = await start('b')
    expect(down.headers.get('retry-after')).toBe('1')
    expect(await codeOf(down)).toBe('503 CREDENTIALS_UNAVAILABLE')
    expect((await start('a')).status).toBe(303)
    await world.providers.b.up()
    expect((await start('b')).status).toBe(503)
    await new Promise(resolve => setTimeout(resolve, 1_100))
    expect((await start('b')).status).toBe(303)
  })

  it('C35 of two tenants is asked by each for itself, with its own client', async () => {
    world.registry.add({ id: 'a2', slug: 'a2', name: 'a2' })
    const own = { oidc_client_id: 'shared', oidc_client_secret: secret('secret-of-shared') }
    world.settings.a2 = { ...world.settings.a, ...own, frontend_url: world.frontendOf('a2') }
    world.use({
      admit: ({ aud }, { id }) => ({ role: `${aud} in ${id}` }),
    })
    for (const [tenant, client] of [
      ['a', 'client-a'],
      ['a2', 'shared'],
    ] as const) {
      const { access_token = '' } = fragmentOf(await world.logIn(openBrowser(), tenant))
      expect((await world.resolve(access_token)).claims).toMatchObject({
        tenant_id: tenant,
        role: `${client} in ${tenant}`,
      })
    }
  })
})
