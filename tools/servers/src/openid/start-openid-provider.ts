import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import type { Configuration } from 'oidc-provider'

/** What {@link startOpenidProvider} may be told. */
export interface OpenidProviderOptions {
  readonly clients: readonly { readonly id: string; readonly secret: string; readonly redirectUri: string }[]
  /** The claims of whoever logs in under this name, beside `sub`, which is the name. Default none. */
  claims?(login: string): Readonly<Record<string, unknown>>
  /** Further settings of oidc-provider. */
  readonly settings?: Configuration
}

/** A real OpenID provider, certified software, that lets in whoever gives a name. */
export interface OpenidProvider {
  readonly issuer: string
  /** The addresses that it was asked for, without queries. */
  readonly requests: string[]
  /** Refuses connections until {@link OpenidProvider.up}. */
  down(): Promise<void>
  /** On the same port, with the same keys. */
  up(): Promise<void>
  stop(): Promise<void>
}

const artifacts = ['AccessToken', 'AuthorizationCode', 'Grant', 'IdToken', 'Interaction', 'RefreshToken', 'Session']

/**
 * An OpenID provider on 127.0.0.1 with keys of its own. Its page asks for a name, `login`, and nothing else; consent is given.
 *
 * @example
 * const provider = await startOpenidProvider({ clients: [{ id: 'app', secret: 's3cret', redirectUri: 'http://127.0.0.1:3000/callback' }] })
 */
export async function startOpenidProvider(options: OpenidProviderOptions): Promise<OpenidProvider> {
  const { clients, claims = () => ({}), settings = {} } = options
  // Loaded when it is wanted: it is large, and speaks up when it is loaded.
  const { default: Provider } = await import('oidc-provider')
  const requests: string[] = []
  let handle: Parameters<typeof createServer>[1]
  const serve = async (port: number): Promise<Server> => {
    const server = createServer((request, response) => handle?.(request, response))
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
    return server
  }
  let server = await serve(0)
  const { port } = server.address() as AddressInfo
  const issuer = `http://127.0.0.1:${port}`
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const provider = new Provider(issuer, {
    clients: clients.map(({ id, secret, redirectUri }) => ({
      ...{ client_id: id, client_secret: secret, redirect_uris: [redirectUri] },
    })),
    jwks: {
      keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: randomBytes(4).toString('hex') }],
    },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    features: { devInteractions: { enabled: false } },
    // In seconds. For what it is not told it writes notices to the output, where a command's JSON is.
    ttl: Object.fromEntries(artifacts.map(artifact => [artifact, 3_600])),
    // In the ID token, where clients that ask for nothing else look.
    conformIdTokenClaims: false,
    claims: { openid: ['sub'], profile: ['name', 'groups'], email: ['email'] },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ ...claims(sub), sub }) }),
    async loadExistingGrant({ oidc: { client, session, params, provider: own } }) {
      const ids = { clientId: client?.clientId ?? '', accountId: session?.accountId ?? '' }
      const grant = new own.Grant(ids)
      grant.addOIDCScope(String(params?.scope))
      await grant.save()
      return grant
    },
    ...settings,
  })
  const callback = provider.callback()
  handle = (request, response) => {
    const url = new URL(request.url ?? '/', issuer)
    requests.push(url.pathname)
    const isInteraction = /^\/interaction\/[\w-]+$/.test(url.pathname)
    if (!isInteraction) return void callback(request, response)
    if (request.method === 'GET') {
      const form = '<form method="post"><input name="login" autofocus><button>Sign in</button></form>'
      response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><title>${issuer}</title>${form}`)
      return
    }
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    request.once('end', () => {
      const accountId = new URLSearchParams(body).get('login') ?? ''
      const result = accountId === '' ? { error: 'access_denied' } : { login: { accountId } }
      provider.interactionFinished(request, response, result).catch((error: unknown) => {
        response.writeHead(500).end(String(error))
      })
    })
  }

  async function down(): Promise<void> {
    server.closeAllConnections()
    await new Promise<void>(resolve => server.close(() => resolve()))
  }
  return {
    ...{ issuer, requests, down, stop: down },
    async up() {
      server = await serve(port)
    },
  }
}
