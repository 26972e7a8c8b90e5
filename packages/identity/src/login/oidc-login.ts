import {
  checkWholeNumbers,
  consoleLogger,
  describeKey,
  TenancyError,
  type Tenant,
  type TenantKey,
} from '@tenantry/core'
import * as oidc from 'openid-client'
import { invalid } from '../credential-header.ts'
import { answering, unkept } from '../web/answering.ts'
import { singleFields } from '../web/request-fields.ts'
import { signTokens } from './application-token.ts'
import { exchangeCode } from './exchange-code.ts'
import { browserOf, loginCookie } from './login-cookie.ts'
import { loginHint } from './login-hint.ts'
import { loginStates } from './login-state.ts'
import type { OidcLogin, OidcLoginOptions } from './oidc-login-options.ts'
import { type CheckedOidcSettings, checkOidcSettings } from './oidc-settings.ts'
import { providerClients } from './provider-clients.ts'
import { memorySingleUse } from './single-use.ts'

/**
 * Login at each tenant's own OpenID Connect provider, with one callback for all (I19–I22, I37–I39). Neither handler runs anything as a
 * tenant: what they give is a token, which `jwt()` resolves.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for a secret that is too short, or a time that is none.
 * @example
 * const login = oidcLogin({ registry, settings: ({ id }) => registry.config(id), secret, tokens, admit: () => ({ role: 'member' }) })
 * app.post('/v1/auth/oidc/login', nodeHandler(login.start))
 * app.get('/v1/auth/oidc/callback', nodeHandler(login.callback))
 */
export function oidcLogin(options: OidcLoginOptions): OidcLogin {
  const { registry, hints = [], singleUse = memorySingleUse(), logger = consoleLogger, allowInsecure = false } = options
  const { lifetime = 600_000, discoveryLifetime = 600_000, timeout = 10_000 } = options
  checkWholeNumbers({ lifetime, discoveryLifetime, timeout })
  const states = loginStates(options.secret)
  const sign = signTokens(options.tokens)
  const ask = options.fetch ?? fetch
  const clientOf = providerClients({ lifetime: discoveryLifetime, timeout, fetch: ask, allowInsecure })

  /** An unknown tenant, one that is not active and one without a login are told alike (E13). */
  async function find(key: TenantKey): Promise<{ tenant: Tenant; settings: CheckedOidcSettings }> {
    const tenant = await registry.find(key)
    const isIts = tenant?.status === 'active' && (key.kind !== 'id' || tenant.id === key.value)
    const settings = isIts ? checkOidcSettings(await options.settings(tenant), tenant.id) : undefined
    if (!isIts || settings === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: describeKey(key) })
    return { tenant, settings }
  }

  const start = answering(
    ['GET', 'POST'],
    async request => {
      const { keys, appState } = await loginHint(request, hints)
      const [first, ...others] = await Promise.all(keys.map(find))
      if (first === undefined || others.some(({ tenant }) => tenant.id !== first.tenant.id))
        throw new TenancyError('TENANT_AMBIGUOUS', { sources: ['tenant_id', ...hints.map(({ name }) => name)] })
      const { tenant, settings } = first
      const { issuer, clientId, redirectUrl, scopes: scope } = settings
      const client = await clientOf(tenant, settings)
      const cookie = loginCookie(request, lifetime)
      const id = crypto.randomUUID()
      const until = Math.ceil((Date.now() + lifetime) / 1000) * 1000
      const state = await states.seal({ id, tenantId: tenant.id, issuer, clientId, appState, until }, cookie.value)
      const challenge = await oidc.calculatePKCECodeChallenge(states.derive('verifier', id, cookie.value))
      const address = oidc.buildAuthorizationUrl(client, {
        ...{ scope, state, redirect_uri: redirectUrl, nonce: states.derive('nonce', id, cookie.value) },
        ...{ code_challenge: challenge, code_challenge_method: 'S256' },
      })
      return new Response(null, {
        status: 303,
        headers: { ...unkept, location: address.href, 'set-cookie': cookie.header },
      })
    },
    logger,
  )

  const callback = answering(
    ['GET'],
    async request => {
      const { search } = new URL(request.url)
      const { state: sealed = '', iss, error, code } = singleFields(new URLSearchParams(search), 'query')
      const browser = browserOf(request)
      const state = browser === undefined ? undefined : await states.open(sealed, browser)
      const refuse = (reason: string) => {
        logger.warn({ event: 'login.refused', reason, tenant: state?.tenantId }, 'A login was refused.')
        return invalid('login')
      }
      if (browser === undefined || state === undefined) throw refuse('state')
      // Before anything is asked of the provider: of two that come back with one state, one is too late.
      if ((await singleUse.use(`login ${state.id}`, state.until)) !== true) throw refuse('used')
      const { tenant, settings } = await find({ kind: 'id', value: state.tenantId })
      const { issuer, clientId, redirectUrl, frontendUrl } = settings
      // What was begun with other settings is not ended with these.
      if (state.issuer !== issuer || state.clientId !== clientId) throw refuse('settings')
      const client = await clientOf(tenant, settings)
      // RFC 9207, section 2.4: the answer of another provider is not looked at any further. That one which says it names itself does so
      // is seen to by openid-client.
      if (iss !== undefined && iss !== client.serverMetadata().issuer) throw refuse('iss')
      const app = state.appState === undefined ? {} : { state: state.appState }
      const back = (answer: Readonly<Record<string, string>>) => {
        const address = new URL(frontendUrl)
        address.hash = new URLSearchParams({ ...answer, ...app }).toString()
        return new Response(null, { status: 303, headers: { ...unkept, location: address.href } })
      }
      if (error !== undefined && code === undefined) return back({ error: knownError(error) })
      const nonce = states.derive('nonce', state.id, browser)
      const verifier = states.derive('verifier', state.id, browser)
      const claims = await exchangeCode(client, search, { nonce, verifier, state: sealed, redirectUrl }, logger)
      const admission = await options.admit(Object.freeze({ ...claims }), tenant)
      if (admission === undefined || admission === null) return back({ error: 'access_denied' })
      const { token, expiresIn } = await sign(tenant, { issuer, subject: claims.sub }, admission)
      return back({ access_token: token, token_type: 'Bearer', expires_in: String(expiresIn) })
    },
    logger,
  )

  return Object.freeze({ start, callback })
}

/** Errors of OpenID Connect Core 1.0, section 3.1.2.6, and RFC 6749, section 4.1.2.1, that a frontend can do something about. */
const known = ['access_denied', 'login_required', 'consent_required', 'interaction_required', 'temporarily_unavailable']

function knownError(error: string): string {
  return known.includes(error) ? error : 'server_error'
}
