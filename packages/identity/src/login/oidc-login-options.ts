import type { KeyObject } from 'node:crypto'
import type { Awaitable, Logger, Resolver, Secret, Tenant, TenantRegistry } from '@tenantry/core'
import type { CryptoKey } from 'jose'
import type { FetchHandler } from '../web/fetch-handler.ts'
import type { OidcSettings } from './oidc-settings.ts'
import type { SingleUse } from './single-use.ts'

/** How a person may enter a tenant. */
export interface Admission {
  /** What they are in this tenant, in the application's words. Default: the token has no role. */
  readonly role?: string | undefined
  /** The `sub` of the token. Default: a digest of issuer and subject, since one name may be two people of two issuers. */
  readonly subject?: string | undefined
}

/** The tokens that an application gives to its people. */
export interface ApplicationTokens {
  /** A private key. Its public half is what `jwt()` verifies them with. */
  readonly key: CryptoKey | KeyObject
  readonly algorithm: 'RS256' | 'PS256' | 'ES256' | 'ES384' | 'ES512' | 'EdDSA' | 'Ed25519'
  /** The `kid` of the key. Default none. */
  readonly keyId?: string
  readonly issuer: string
  readonly audience: string
  /** Milliseconds, whole seconds of them. Default 900,000, 15 minutes. */
  readonly lifetime?: number
}

/** Options of {@link oidcLogin}. */
export interface OidcLoginOptions {
  readonly registry: Pick<TenantRegistry, 'find'>
  /** Where a tenant's people log in. `registry.config(id)` of an `envRegistry` with `tenantParameters` fits, as does {@link oidcSettingsOf}. */
  settings(tenant: Tenant): Awaitable<OidcSettings>
  /** What states are sealed with: at least 32 bytes, at random, the same in all processes. */
  readonly secret: Secret
  /** Which logins were ended. Default: known to this process only, which is enough for one. */
  readonly singleUse?: SingleUse
  readonly tokens: ApplicationTokens
  /**
   * Whether somebody may enter, and as what. The claims are those of an ID token that was verified, of the tenant's own provider. Where
   * several tenants share a provider, only this keeps their people apart.
   *
   * @returns `undefined` to refuse them.
   */
  admit(claims: Readonly<Record<string, unknown>>, tenant: Tenant): Awaitable<Admission | undefined>
  /** What may name the tenant beside `tenant_id`, such as `host(…)`. It is a hint: it chooses the provider, and opens nothing (C04). */
  readonly hints?: readonly Resolver[]
  /** Milliseconds from start to callback. Default 600,000. */
  readonly lifetime?: number
  /** Milliseconds for which what a provider says of itself is believed. Default 600,000. */
  readonly discoveryLifetime?: number
  /** Milliseconds that a provider has for each answer. Default 10,000. */
  readonly timeout?: number
  /** What providers are asked with, such as one that reaches no address of yours: tenants choose them. Default the global `fetch`. */
  readonly fetch?: typeof fetch
  /** Take `http:`, for tests on one machine. Default `false`. */
  readonly allowInsecure?: boolean
  readonly logger?: Logger
}

/** The login of people at the provider of their tenant. */
export interface OidcLogin {
  /**
   * Sends a browser to the provider of a tenant (I37): `tenant_id` in a form, a JSON object or the query, or a hint. `state`, if there is
   * one, comes back with the token, so that the frontend knows its own login. Answers 303; 404 for a tenant that is unknown, not active or without
   * a provider (I20); 500 `CONFIG_INVALID` for one whose settings are not complete (I21); 503 `CREDENTIALS_UNAVAILABLE` when the provider
   * cannot be asked.
   */
  readonly start: FetchHandler
  /**
   * Where every provider sends browsers back to (I38). Answers 303 to the tenant's `frontend_url`, and nowhere else, with `access_token`,
   * `token_type`, `expires_in` and the `state` of the start in the fragment, or with `error` when the person was not let in; 401
   * `CREDENTIAL_INVALID`, one for all, for what is no end of a login that began in this browser.
   */
  readonly callback: FetchHandler
}
