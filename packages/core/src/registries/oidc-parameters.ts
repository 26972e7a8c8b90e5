import { z } from 'zod'
import { secret } from '../secret.ts'
import type { ConfiguredTenant, ParameterProblem } from './parameter-rule.ts'
import { webUrl } from './web-url.ts'

const rules = {
  placeholder: 'holds a placeholder, such as "{tenant}": put the real value in',
  issuer: 'must have no query and no fragment',
  redirect: 'must have no fragment',
  text: 'must be text that is not empty',
  scopes: 'must be scopes with one space between them, "openid" among them',
}

/** A brace that is left of a template, as it is or encoded (I29). */
const brace = /[{}]|%7[bd]/i

/** The login of a tenant's people at its own provider (I20–I22). */
export const oidcParameters = {
  // OpenID Connect Discovery 1.0, section 3: no query, no fragment.
  oidc_issuer: webUrl('secure')
    .refine(url => !brace.test(url), { error: rules.placeholder, abort: true })
    .refine(url => !/[?#]/.test(url), rules.issuer)
    .optional(),
  oidc_client_id: z.string(rules.text).min(1, rules.text).optional(),
  oidc_client_secret: z.string(rules.text).min(1, rules.text).transform(secret).optional(),
  // RFC 6749, section 3.1.2: no fragment.
  oidc_redirect_url: webUrl('secure')
    .refine(url => !brace.test(url), { error: rules.placeholder, abort: true })
    .refine(url => !url.includes('#'), rules.redirect)
    .optional(),
  // RFC 6749, section 3.3; OpenID Connect Core 1.0, section 3.1.2.1.
  oidc_scopes: z
    .string(rules.scopes)
    .refine(
      scopes =>
        scopes.split(' ').every(scope => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)) &&
        scopes.split(' ').includes('openid'),
      rules.scopes,
    )
    .default('openid profile email'),
}

/** With an issuer, its client is required, too (I21). */
export const oidcRules = [
  function* complete(
    tenants: readonly ConfiguredTenant<{ readonly oidc_issuer?: string | undefined }>[],
  ): Generator<ParameterProblem> {
    for (const { index, given } of tenants) {
      if (!given.has('oidc_issuer')) continue
      for (const parameter of ['oidc_client_id', 'oidc_client_secret', 'oidc_redirect_url']) {
        if (!given.has(parameter)) yield { index, parameter, rule: 'is required with oidc_issuer' }
      }
    }
  },
]
