import { createLocalJWKSet, exportJWK, generateKeyPair, type JSONWebKeySet, type JWTVerifyGetKey, SignJWT } from 'jose'

export const issuer = 'https://id.example.com'
export const audience = 'https://api.example.com'

/** Tokens of many users, and with what they are verified. */
export interface Issued {
  readonly tokens: readonly string[]
  readonly jwks: JSONWebKeySet
  readonly findKey: JWTVerifyGetKey
}

export async function issueTokens(count: number): Promise<Pick<Issued, 'tokens' | 'jwks'>> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const kid = 'one'
  const tokens = Array.from({ length: count }, (_, n) =>
    new SignJWT({ tenant_id: `tenant-${n % 1_000}` })
      .setProtectedHeader({ alg: 'ES256', kid })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(`user-${n}`)
      .setJti(`token-${n}`)
      .setIssuedAt()
      .setExpirationTime('2h')
      .sign(privateKey),
  )
  return { tokens: await Promise.all(tokens), jwks: { keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256' }] } }
}

export const withKeys = (jwks: JSONWebKeySet): Issued => ({ tokens: [], jwks, findKey: createLocalJWKSet(jwks) })
