import { brandingOf, type Tenancy } from '@tenantry/core'
import express, { type Request, type Response, Router } from 'express'
import type { Client, Directory } from './directory.ts'
import { consentPage, errorPage, loginPage, type Page } from './pages.ts'
import { sendPage } from './send-page.ts'
import type { SigningKeys } from './signing-keys.ts'
import { challengeOf, type Tokens } from './tokens.ts'

/** What the endpoints of an organization need. */
export interface OidcOptions {
  readonly tenancy: Tenancy
  readonly people: Directory
  readonly keys: SigningKeys
  readonly tokens: Tokens
}

type Fields = Readonly<Record<string, string>>
const carried = ['client_id', 'redirect_uri', 'state', 'nonce', 'code_challenge', 'scope'] as const

/** The OpenID provider that each organization has under its own path (P02, P04). Nothing here says which one. */
export function oidcRoutes({ tenancy, people, keys, tokens }: OidcOptions): Router {
  const routes = Router({ mergeParams: true })
  const brand = () => brandingOf(tenancy.current())
  const here = (path: string) => `${new URL(tokens.issuerOf(tenancy.current())).pathname}${path}`
  const show = (response: Response, page: Page) => sendPage(response, page)
  const refuse = (response: Response, title: string) => show(response, errorPage(brand(), 400, title))

  routes.get('/.well-known/openid-configuration', (_request, response) => {
    const issuer = tokens.issuerOf(tenancy.current())
    response.json({
      issuer,
      authorization_endpoint: `${issuer}/auth/authorize`,
      token_endpoint: `${issuer}/auth/token`,
      introspection_endpoint: `${issuer}/auth/introspect`,
      jwks_uri: `${issuer}/auth/jwks`,
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none'],
    })
  })
  routes.get('/auth/jwks', async (_request, response) => {
    response.json({ keys: [(await keys.of(tenancy.current())).publicJwk] })
  })

  /** Never leads to an address that the client has not registered here. */
  async function asked(fields: unknown): Promise<{ client: Client; request: Fields } | string> {
    const request = textsOf(fields)
    const client = await people.client(request.client_id)
    if (client === undefined || client.redirect_uri !== request.redirect_uri) return 'This link is not valid.'
    const { response_type, code_challenge = '', code_challenge_method } = textsOf(fields)
    if (response_type !== 'code' || code_challenge_method !== 'S256' || !/^[\w-]{43}$/.test(code_challenge)) {
      return 'This application asks in a way that is not supported.'
    }
    return { client, request }
  }

  routes.get('/auth/authorize', async ({ query }, response) => {
    const found = await asked(query)
    if (typeof found === 'string') return refuse(response, found)
    show(response, loginPage(brand(), here('/auth/login'), found.request))
  })

  const form = express.urlencoded({ extended: false, limit: '10kb' })
  routes.post('/auth/login', form, async ({ body = {} }, response) => {
    const found = await asked(body)
    if (typeof found === 'string') return refuse(response, found)
    const { client, request } = found
    const user = await people.login(body.email, body.password)
    if (user === undefined) return show(response, loginPage(brand(), here('/auth/login'), request, true))
    const ticket = await tokens.ticket(tenancy.current(), user, pick(request))
    show(response, consentPage(brand(), here('/auth/consent'), { ticket }, client, user.email))
  })

  routes.post('/auth/consent', form, async ({ body = {} }, response) => {
    const ticket = await tokens.readTicket(tenancy.current(), body.ticket)
    const request = ticket?.request as Fields | undefined
    const client = request && (await people.client(request.client_id))
    // The client may have been removed, or sent elsewhere, while the page was open.
    if (ticket?.sub === undefined || request === undefined || !client || client.redirect_uri !== request.redirect_uri) {
      return refuse(response, 'This page has expired.')
    }
    const target = new URL(client.redirect_uri)
    if (request.state !== undefined) target.searchParams.set('state', request.state)
    target.searchParams.set('iss', tokens.issuerOf(tenancy.current()))
    if (body.decision === 'allow') {
      const grant = { client_id: client.id, user_id: ticket.sub, details: request }
      target.searchParams.set('code', await tokens.keep('code', grant))
    } else target.searchParams.set('error', 'access_denied')
    response.redirect(303, target.href)
  })

  routes.post('/auth/token', form, async (request, response) => {
    const { grant_type, code, redirect_uri, code_verifier, refresh_token, client_id } = textsOf(request.body)
    const client = await people.client(client_id)
    if (client === undefined) return oauthError(response, 401, 'invalid_client')
    if (grant_type !== 'authorization_code' && grant_type !== 'refresh_token') {
      return oauthError(response, 400, 'unsupported_grant_type')
    }
    const isCode = grant_type === 'authorization_code'
    const grant = await tokens.redeem(isCode ? 'code' : 'refresh', isCode ? code : refresh_token, client)
    const user = grant && (await people.user(grant.user_id))
    if (grant === undefined || user === undefined) return oauthError(response, 400, 'invalid_grant')
    const { details } = grant
    if (
      isCode &&
      (details.redirect_uri !== redirect_uri || details.code_challenge !== challengeOf(code_verifier ?? ''))
    ) {
      return oauthError(response, 400, 'invalid_grant')
    }
    response.set('cache-control', 'no-store')
    response.json(await tokens.issue(tenancy.current(), client, user, details.nonce))
  })

  // RFC 7662: what is not of this organization is inactive, and nothing more is said of it.
  routes.post('/auth/introspect', form, async (request: Request, response) => {
    const { token, client_id } = textsOf(request.body)
    if ((await people.client(client_id)) === undefined) return oauthError(response, 401, 'invalid_client')
    const payload = await tokens.readAccess(tenancy.current(), token)
    const user = payload?.sub === undefined ? undefined : await people.user(payload.sub)
    response.json(user === undefined ? { active: false } : { active: true, ...payload })
  })
  return routes
}

function oauthError(response: Response, status: number, error: string): void {
  response.status(status).set('cache-control', 'no-store').json({ error })
}

/** Only single texts: a field that stands twice is none. */
function textsOf(fields: unknown): Partial<Record<string, string>> & Fields {
  const entries = Object.entries((fields ?? {}) as object)
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

function pick(request: Fields): Fields {
  return Object.fromEntries(carried.flatMap(name => (request[name] === undefined ? [] : [[name, request[name]]])))
}
