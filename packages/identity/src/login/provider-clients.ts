import { createHash } from 'node:crypto'
import { TenancyError, type Tenant } from '@tenantry/core'
import * as oidc from 'openid-client'
import { boundedFetch } from './bounded-fetch.ts'
import type { CheckedOidcSettings } from './oidc-settings.ts'

/** The client of a tenant at its provider. Asks the provider of itself where that is not known, or not any more. */
export type ProviderClients = (tenant: Tenant, settings: CheckedOidcSettings) => Promise<oidc.Configuration>

/** Options of {@link providerClients}. All in milliseconds. */
export interface ProviderClientsOptions {
  readonly lifetime: number
  readonly timeout: number
  readonly fetch: typeof fetch
  readonly allowInsecure: boolean
}

/** How many are known at most. */
const most = 1_000
/** Milliseconds in which a provider that could not be asked is not asked again. */
const pause = 1_000

/**
 * Clients of providers. Each tenant has its own, also where two have the same provider: what one provider says is never taken for a word of
 * another's.
 */
export function providerClients(options: ProviderClientsOptions): ProviderClients {
  const known = new Map<string, { readonly found: Promise<oidc.Configuration>; until: number }>()
  const { lifetime, timeout, allowInsecure } = options
  const ask = boundedFetch(options.fetch)

  async function discover({ issuer, clientId, clientSecret }: CheckedOidcSettings): Promise<oidc.Configuration> {
    const url = new URL(issuer)
    if (url.protocol !== 'https:' && !allowInsecure)
      throw new TenancyError('CONFIG_INVALID', {
        source: 'The login',
        problems: ['oidc_issuer must begin with https://'],
      })
    const execute = allowInsecure ? [oidc.allowInsecureRequests] : []
    const terms = { [oidc.customFetch]: ask, timeout: timeout / 1000, execute }
    const found = await oidc.discovery(url, clientId, undefined, oidc.None(), terms).catch((error: unknown) => {
      throw unavailable(reasonOf(error))
    })
    const metadata = found.serverMetadata()
    // openid-client lets some providers name another issuer than they were asked as.
    if (metadata.issuer !== issuer && `${metadata.issuer}/` !== issuer && metadata.issuer !== `${issuer}/`)
      throw unavailable('its metadata names another issuer')
    // OpenID Connect Discovery 1.0, section 3: basic is what a provider takes that does not say.
    const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
    const auth = methods.includes('client_secret_basic') ? oidc.ClientSecretBasic : oidc.ClientSecretPost
    const client = new oidc.Configuration(metadata, clientId, undefined, auth(clientSecret.reveal()))
    client[oidc.customFetch] = ask
    client.timeout = timeout / 1000
    if (allowInsecure) oidc.allowInsecureRequests(client)
    // The signature of the ID token, too, not only the connection that it came by.
    oidc.enableNonRepudiationChecks(client)
    return client
  }

  return (tenant, settings) => {
    const { issuer, clientId, clientSecret } = settings
    const key = createHash('sha256')
      .update(JSON.stringify([tenant.id, issuer, clientId, clientSecret.reveal()]))
      .digest('hex')
    const now = performance.now()
    const before = known.get(key)
    if (before !== undefined && now < before.until) return before.found
    known.delete(key)
    const [oldest] = known.keys()
    if (known.size >= most && oldest !== undefined) known.delete(oldest)
    const entry = { found: discover(settings), until: now + lifetime }
    known.set(key, entry)
    entry.found.catch(() => {
      entry.until = performance.now() + pause
    })
    return entry.found
  }
}

/** The provider is not there, which is nobody's fault who calls. */
export function unavailable(reason: string): TenancyError {
  return new TenancyError('CREDENTIALS_UNAVAILABLE', { source: "The tenant's provider", reason })
}

/** A code and no more: messages of providers are theirs, and causes may hold what they were sent. */
export function reasonOf(error: unknown): string {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: { code?: unknown } }
  const found = [code, cause?.code].find(each => typeof each === 'string')
  return found === undefined ? 'no answer' : String(found)
}
