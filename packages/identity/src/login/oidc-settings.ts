import { type Awaitable, type Secret, TenancyError, type Tenant, tenantParameters } from '@tenantry/core'

/** Where a tenant's people log in, and where they go then (I19–I22). */
export interface OidcSettings {
  /** Turns the login on. Compared exactly. */
  readonly oidc_issuer?: string | undefined
  readonly oidc_client_id?: string | undefined
  readonly oidc_client_secret?: Secret | undefined
  /** The callback, as the provider knows it. */
  readonly oidc_redirect_url?: string | undefined
  /** With one space between them. Default `openid profile email`. */
  readonly oidc_scopes?: string | undefined
  readonly frontend_url?: string | undefined
}

/** Settings that are complete. */
export interface CheckedOidcSettings {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: Secret
  readonly redirectUrl: string
  readonly scopes: string
  readonly frontendUrl: string
}

const { oidc_issuer, oidc_redirect_url, oidc_scopes, frontend_url } = tenantParameters.parameters
const schemas = { oidc_issuer, oidc_redirect_url, oidc_scopes, frontend_url }
const text = 'must be text that is not empty'

/**
 * @returns `undefined` without an issuer: the tenant has no login here.
 * @throws {TenancyError} `CONFIG_INVALID` with everything that is missing or bad, and no value.
 */
export function checkOidcSettings(settings: OidcSettings, tenant: string): CheckedOidcSettings | undefined {
  const { oidc_issuer: issuer = '', oidc_client_id: clientId, oidc_client_secret: clientSecret } = settings
  if (settings.oidc_issuer === undefined) return undefined
  const problems: string[] = []
  for (const name of ['oidc_client_id', 'oidc_client_secret', 'oidc_redirect_url', 'frontend_url'] as const)
    if (settings[name] === undefined) problems.push(`${name} is required with oidc_issuer`)
  for (const [name, schema] of Object.entries(schemas)) {
    const { error } = schema.safeParse(settings[name as keyof typeof schemas])
    for (const { message } of error?.issues ?? []) problems.push(`${name} ${message}`)
  }
  // What stands at a well-known address is not compared with the issuer that it names (openid-client, discovery).
  if (issuer.includes('/.well-known/')) problems.push('oidc_issuer must be an issuer, not the address of its metadata')
  if (settings.oidc_redirect_url?.includes('?')) problems.push('oidc_redirect_url must have no query')
  if (clientId !== undefined && (typeof clientId !== 'string' || clientId === ''))
    problems.push(`oidc_client_id ${text}`)
  if (clientSecret !== undefined && !(typeof clientSecret?.reveal === 'function' && clientSecret.reveal() !== ''))
    problems.push('oidc_client_secret must be a secret that is not empty')
  const { oidc_redirect_url: redirectUrl, frontend_url: frontendUrl, oidc_scopes: scopes } = settings
  const isComplete =
    clientId !== undefined && clientSecret !== undefined && redirectUrl !== undefined && frontendUrl !== undefined
  if (problems.length > 0 || !isComplete)
    throw new TenancyError('CONFIG_INVALID', { source: `The login of tenant "${tenant}"`, problems })
  return { issuer, clientId, clientSecret, redirectUrl, frontendUrl, scopes: scopes ?? 'openid profile email' }
}

/**
 * Settings that stand with the tenant, in its `settings`, all but the client's secret: that comes by its name, since tenants are logged.
 *
 * @example
 * oidcLogin({ settings: oidcSettingsOf(({ id }, name) => registry.getSecret(id, name)), … })
 */
export function oidcSettingsOf(
  secretOf: (tenant: Tenant, name: 'oidc_client_secret') => Awaitable<Secret | undefined>,
): (tenant: Tenant) => Promise<OidcSettings> {
  return async tenant => {
    const names = ['oidc_issuer', 'oidc_client_id', 'oidc_redirect_url', 'oidc_scopes', 'frontend_url']
    const own = names.filter(name => Object.hasOwn(tenant.settings, name)).map(name => [name, tenant.settings[name]])
    const settings: OidcSettings = Object.fromEntries(own)
    if (settings.oidc_issuer === undefined) return settings
    return { ...settings, oidc_client_secret: await secretOf(tenant, 'oidc_client_secret') }
  }
}
