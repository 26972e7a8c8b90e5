import { type Logger, TenancyError } from '@tenantry/core'
import * as oidc from 'openid-client'
import { invalid } from '../credential-header.ts'
import { reasonOf, unavailable } from './provider-clients.ts'

/** What the answer of a provider must agree with. */
export interface Expected {
  readonly nonce: string
  readonly verifier: string
  readonly state: string
  /** As it was sent at the start; the address that was called may be a proxy's. */
  readonly redirectUrl: string
}

/**
 * Exchanges the code of a callback for the claims of its ID token: signature, `iss`, `aud`, `nonce`, times, and the `iss` of the answer itself
 * (RFC 9207) are those of this client.
 *
 * @throws {TenancyError} `CREDENTIAL_INVALID`; `CREDENTIALS_UNAVAILABLE` when the provider does not answer; `CREDENTIALS_REFUSED` when it
 * does not want this client.
 */
export async function exchangeCode(
  client: oidc.Configuration,
  search: string,
  expected: Expected,
  logger: Logger,
): Promise<oidc.IDToken> {
  const url = new URL(expected.redirectUrl)
  url.search = search
  const { nonce: expectedNonce, state: expectedState, verifier: pkceCodeVerifier } = expected
  try {
    const checks = { expectedNonce, expectedState, pkceCodeVerifier, idTokenExpected: true }
    const tokens = await oidc.authorizationCodeGrant(client, url, checks)
    const claims = tokens.claims()
    if (claims === undefined) throw invalid('login')
    return claims
  } catch (error) {
    const told = toldOf(error)
    logger.warn({ event: 'login.refused', reason: reasonOf(error) }, told.message)
    throw told
  }
}

/** Without its cause, which may hold the code, the token or the client's secret. */
function toldOf(error: unknown): TenancyError {
  if (error instanceof TenancyError) return error
  if (error instanceof oidc.ResponseBodyError) {
    if (error.status >= 500) return unavailable(`status ${error.status}`)
    const isOfClient = ['invalid_client', 'unauthorized_client'].includes(error.error)
    if (!isOfClient) return invalid('login')
    return new TenancyError('CREDENTIALS_REFUSED', { source: "The tenant's provider", reason: error.error })
  }
  // How a client that is not known, or has another secret, is told (RFC 6749, section 5.2).
  if (error instanceof oidc.WWWAuthenticateChallengeError)
    return new TenancyError('CREDENTIALS_REFUSED', {
      source: "The tenant's provider",
      reason: `status ${error.status}`,
    })
  const cause: unknown = (error as { cause?: unknown } | undefined)?.cause
  const isAway = error instanceof TypeError || ['OAUTH_TIMEOUT', 'OAUTH_ABORT'].includes(reasonOf(error))
  if (isAway || (cause instanceof Response && cause.status >= 500)) return unavailable(reasonOf(error))
  return invalid('login')
}
