import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTenancy, memoryRegistry, secret, type Tenant } from '@tenantry/core'
import { type OpenidProvider, startOpenidProvider } from '@tenantry/servers'
import { exportJWK } from 'jose'
import { jwt, nodeHandler, type OidcLoginOptions, type OidcSettings, oidcLogin } from '../../src/index.ts'
import { recorder } from '../support.ts'
import { type Browser, openBrowser } from './browser.ts'

/** Two tenants with a provider each, and one application with one callback. */
export interface LoginWorld {
  readonly base: string
  readonly callback: string
  readonly providers: { readonly a: OpenidProvider; readonly b: OpenidProvider }
  readonly registry: ReturnType<typeof memoryRegistry>
  /** May be changed. */
  readonly settings: Record<string, OidcSettings>
  readonly log: ReturnType<typeof recorder>
  readonly options: OidcLoginOptions
  /** The application as it is with other options, until the next time. */
  use(options: Partial<OidcLoginOptions>): void
  frontendOf(tenant: string): string
  /** The tenant of a token of the application, and who it is. */
  resolve(token: string): Promise<{ readonly tenant: Tenant; readonly claims: Record<string, unknown> }>
  /** Begins a login, and stops at the address of the provider. */
  begin(browser: Browser, tenant: string, more?: Record<string, string>): Promise<string>
  /** Goes on with it until the provider sends the browser back: the address that it is sent to, not yet called. */
  signIn(browser: Browser, address: string, login?: string): Promise<string>
  /** From the beginning to the end: the address at the frontend. */
  logIn(browser: Browser, tenant: string, login?: string): Promise<string>
  close(): Promise<void>
}

/** What stands in the fragment of an address. */
export const fragmentOf = (address: string) => Object.fromEntries(new URLSearchParams(new URL(address).hash.slice(1)))

export async function loginWorld(): Promise<LoginWorld> {
  let login: ReturnType<typeof oidcLogin> | undefined
  const server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0]
    const handler = { '/v1/auth/oidc/login': login?.start, '/v1/auth/oidc/callback': login?.callback }[path ?? '']
    if (handler !== undefined) return void nodeHandler(handler)(request, response)
    response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><title>frontend</title>`)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const callback = `${base}/v1/auth/oidc/callback`
  const frontendOf = (tenant: string) => `${base}/frontend/${tenant}`
  const provide = (id: string) =>
    startOpenidProvider({
      clients: [
        { id, secret: `secret-of-${id}`, redirectUri: callback },
        { id: 'shared', secret: 'secret-of-shared', redirectUri: callback },
      ],
      claims: name => ({ name, groups: [`${id}-people`] }),
      settings: { conformIdTokenClaims: false },
    })
  const providers = { a: await provide('client-a'), b: await provide('client-b') }
  const settingsOf = (tenant: 'a' | 'b'): OidcSettings => ({
    oidc_issuer: providers[tenant].issuer,
    oidc_client_id: `client-${tenant}`,
    oidc_client_secret: secret(`secret-of-client-${tenant}`),
    oidc_redirect_url: callback,
    frontend_url: frontendOf(tenant),
  })
  const settings: Record<string, OidcSettings> = { a: settingsOf('a'), b: settingsOf('b'), none: {} }
  const registry = memoryRegistry(['a', 'b', 'none'].map(id => ({ id, slug: id, name: id })))
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const log = recorder()
  const [issuer, audience] = ['https://app.example', 'https://api.example']
  const options: OidcLoginOptions = {
    registry,
    settings: ({ id }) => settings[id] ?? {},
    secret: secret('0123456789abcdef0123456789abcdef'),
    tokens: { key: privateKey, algorithm: 'ES256', keyId: 'k1', issuer, audience },
    admit: () => ({ role: 'member' }),
    allowInsecure: true,
    logger: log,
  }
  login = oidcLogin(options)
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }
  const trusted = { issuer, audience, algorithms: ['ES256' as const], keys: { jwks: { keys: [jwk] } } }
  const resolvers = [jwt({ issuers: [{ ...trusted, tenants: 'all' }], logger: recorder() })]
  const tenancy = createTenancy({ registry, resolvers, logger: recorder() })

  const world: LoginWorld = {
    ...{ base, callback, providers, registry, settings, log, options, frontendOf },
    use(more) {
      login = oidcLogin({ ...options, ...more })
    },
    async resolve(token) {
      const header = (name: string) => (name === 'authorization' ? [`Bearer ${token}`] : [])
      const tenant = await tenancy.resolve({ target: '/', header })
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
      return { tenant, claims }
    },
    async begin(browser, tenant, more = {}) {
      const body = JSON.stringify({ tenant_id: tenant, ...more })
      const headers = { 'content-type': 'application/json' }
      const response = await browser.visit(`${base}/v1/auth/oidc/login`, { method: 'POST', body, headers })
      const location = response.headers.get('location')
      if (response.status !== 303 || location === null) throw new Error(`${response.status} ${await response.text()}`)
      return location
    },
    async signIn(browser, address, login = 'ada') {
      const page = await browser.follow(address, callback)
      if (page.startsWith(callback)) return page
      const body = new URLSearchParams({ login })
      return browser.follow(page, callback, { method: 'POST', body })
    },
    async logIn(browser, tenant, login) {
      const back = await world.signIn(browser, await world.begin(browser, tenant), login)
      return browser.follow(back, `${base}/frontend`)
    },
    async close() {
      for (const provider of Object.values(providers)) await provider.stop()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
  return world
}

export { openBrowser }
