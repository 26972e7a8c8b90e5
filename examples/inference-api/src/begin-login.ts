import { createHmac } from 'node:crypto'
import type { Secret, Tenant } from '@tenantry/core'
import { EncryptJWT } from 'jose'
import * as oidc from 'openid-client'
import type { Tenants } from './settings.ts'

/** What a login needs of a tenant's provider. */
type Provider = ReturnType<Tenants['config']>

/** Begins the login of a tenant's people: the address at the tenant's own provider to send them to. */
export type BeginLogin = (tenant: Tenant) => Promise<string>

/**
 * Logins by OpenID Connect Core 1.0 with PKCE (RFC 7636). The state is sealed: it carries the tenant, the nonce and the verifier through
 * the browser, so that the one callback of all tenants learns from it, and from nothing else, whose login it is. Nothing is kept of a
 * login before it is done: everybody can begin one.
 *
 * @param key - from which the seal is made.
 */
export function beginLogins(configOf: (tenant: Tenant) => Provider, key: Secret): BeginLogin {
  const sealing = createHmac('sha256', key.reveal()).update('oidc state').digest()
  const providers = new Map<string, Promise<oidc.Configuration>>()

  /** Asked once; a provider that could not be reached is asked again. */
  function providerOf(tenant: Tenant, issuer: string): Promise<oidc.Configuration> {
    const { oidc_client_id: id = '', oidc_client_secret: secret } = configOf(tenant)
    const known = providers.get(tenant.id)
    if (known !== undefined) return known
    const url = new URL(issuer)
    // The configuration takes plain HTTP on this machine only.
    const execute = url.protocol === 'http:' ? [oidc.allowInsecureRequests] : []
    const found = oidc.discovery(url, id, secret?.reveal(), undefined, { execute })
    providers.set(tenant.id, found)
    found.catch(() => providers.delete(tenant.id))
    return found
  }

  return async tenant => {
    const {
      oidc_issuer: issuer = '',
      oidc_redirect_url: redirect = '',
      oidc_scopes: scope = 'openid',
    } = configOf(tenant)
    const provider = await providerOf(tenant, issuer)
    const verifier = oidc.randomPKCECodeVerifier()
    const nonce = oidc.randomNonce()
    const state = await new EncryptJWT({ tenant_id: tenant.id, nonce, verifier })
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .setExpirationTime('10m')
      .encrypt(sealing)
    const address = oidc.buildAuthorizationUrl(provider, {
      redirect_uri: redirect,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...{ scope, state, nonce },
    })
    return address.href
  }
}
