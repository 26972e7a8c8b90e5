import { consoleLogger, isTenancyError, type Resolver, TenancyError } from '@tenantry/core'
import { errors, jwtVerify } from 'jose'
import { credentialOf, invalid } from '../credential-header.ts'
import { type CheckedIssuer, checkIssuer, typeOf } from './check-issuer.ts'
import type { JwtOptions } from './jwt-options.ts'
import { readToken, type UnverifiedToken } from './read-token.ts'
import { tenantsOfToken } from './tenants-of-token.ts'
import { type VerifiedToken, verifiedTokens } from './verified-tokens.ts'

const longestMemory = 300_000

/**
 * The tenant named by a claim of a signed token (I04), or those that its claims or its subject's memberships lead to, verified as RFC
 * 8725 asks: the algorithms, the keys, the audience and the tenants of each issuer are configured, and nothing that a token says of
 * keys (`jku`, `x5u`, `jwk`, `x5c`) is followed.
 *
 * Its resolver throws `CREDENTIAL_INVALID` for every bad token, one error for all, `REQUEST_INVALID` for a header that stands twice,
 * and `CREDENTIALS_UNAVAILABLE` when the keys of the issuer cannot be fetched.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` naming the option.
 * @example
 * jwt({
 *   issuers: [
 *     {
 *       issuer: 'https://id.example.com',
 *       audience: 'https://api.example.com',
 *       algorithms: ['ES256'],
 *       keys: { url: 'https://id.example.com/jwks' },
 *       tenants: 'all',
 *     },
 *   ],
 * })
 */
export function jwt(options: JwtOptions): Resolver {
  const { onMissingClaim = 'refuse', remember = 30_000, logger = consoleLogger } = options
  const header = (options.header ?? 'authorization').toLowerCase()
  const name = 'jwt'
  if (onMissingClaim !== 'refuse' && onMissingClaim !== 'ignore')
    throw new TenancyError('ARGUMENT_INVALID', { field: 'onMissingClaim', rule: 'must be "refuse" or "ignore"' })
  if (!(Number.isInteger(remember) && remember >= 0 && remember <= longestMemory))
    throw new TenancyError('ARGUMENT_INVALID', {
      field: 'remember',
      rule: `must be a whole number of milliseconds from 0 to ${longestMemory}`,
    })
  const known = verifiedTokens(remember)
  const issuers = new Map<unknown, CheckedIssuer>()
  options.issuers.forEach((each, index) => {
    const checked = checkIssuer(each, `issuers[${index}]`)
    if (issuers.has(checked.issuer))
      throw new TenancyError('ARGUMENT_INVALID', { field: `issuers[${index}].issuer`, rule: 'must stand once' })
    issuers.set(checked.issuer, checked)
  })
  if (issuers.size === 0)
    throw new TenancyError('ARGUMENT_INVALID', { field: 'issuers', rule: 'must name at least one issuer' })

  function refuse(reason: string, issuer?: CheckedIssuer): never {
    logger.info({ event: 'jwt.refused', issuer: issuer?.issuer, reason }, `A token was refused: ${reason}.`)
    throw invalid(name)
  }

  async function verify(token: string): Promise<VerifiedToken> {
    const unverified = readToken(token)
    if (typeof unverified === 'string') return refuse(unverified)
    // It only chooses whose keys are tried, and is verified with the rest.
    const issuer = issuers.get(unverified.claims.iss)
    if (issuer === undefined) return refuse('its issuer is not configured')
    const oddity = oddityOf(unverified, issuer)
    if (oddity !== undefined) return refuse(oddity, issuer)
    try {
      const { issuer: iss, audience, algorithms, requiredClaims, clockTolerance } = issuer
      const expected = { issuer: iss, audience, algorithms, requiredClaims, clockTolerance }
      const verified = { issuer, claims: (await jwtVerify(token, issuer.findKey, expected)).payload }
      known.keep(token, verified)
      return verified
    } catch (error) {
      if (isTenancyError(error)) throw error
      return refuse(reasonOf(error), issuer)
    }
  }

  return {
    name,
    async resolve(request) {
      const token = credentialOf(request, header, name)
      if (token === undefined) return undefined
      const verified = known.find(token) ?? (await verify(token))
      const answer = await tenantsOfToken(verified)
      if (answer === undefined && onMissingClaim === 'refuse')
        return refuse('it has no claim of a tenant', verified.issuer)
      if (answer !== undefined && 'refused' in answer) return refuse(answer.refused, verified.issuer)
      return answer
    },
  }
}

/** What is wrong with a token before its signature is looked at. */
function oddityOf({ header, claims }: UnverifiedToken, issuer: CheckedIssuer): string | undefined {
  const { typ } = header
  // No extension is understood here, and a token whose payload is not encoded is no JWT (RFC 7797, section 7).
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) return 'it asks for an extension'
  const isTyped = typ === undefined || typeof typ === 'string'
  if (!isTyped || !issuer.typs.includes(typ && typeOf(typ))) return 'it is of another type'
  const isNamed = [claims.sub, claims.jti].every(name => name === undefined || typeof name === 'string')
  if (!isNamed) return 'its subject or its id is no text'
  // JSON has 1e999, which JavaScript takes for a time that never comes.
  if ([claims.exp, claims.nbf].some(time => time === Number.POSITIVE_INFINITY)) return 'it has a time without end'
  return undefined
}

/** Fixed words for what jose found: its own messages may quote the token. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has expired'
  if (error instanceof errors.JWTClaimValidationFailed) {
    const known = ['iss', 'aud', 'exp', 'nbf', 'iat'].find(claim => claim === error.claim)
    return known === undefined ? 'a claim is not as it must be' : `its claim "${known}" is not as it must be`
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its algorithm is not that of its issuer'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong'
  if (error instanceof errors.JWKSNoMatchingKey) return 'its issuer has no such key'
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return 'it does not say which key of its issuer it is signed with'
  return 'it cannot be verified'
}
