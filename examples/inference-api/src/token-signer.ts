import type { JwtIssuer } from '@tenantry/identity'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

/** An issuer of tokens of its own, where an identity provider would be. */
export interface TokenSigner {
  readonly issuer: JwtIssuer
  /** A token of the tenant, good for `lifetime` seconds from now; below 0 it has ended. */
  sign(tenantId: string, lifetime?: number): Promise<string>
}

export async function tokenSigner(): Promise<TokenSigner> {
  const [issuer, audience, alg] = ['https://id.platform.example', 'https://api.platform.example', 'ES256'] as const
  const { publicKey, privateKey } = await generateKeyPair(alg)
  const keys = { jwks: { keys: [{ ...(await exportJWK(publicKey)), alg, kid: 'demo' }] } }
  return {
    issuer: { issuer, audience, algorithms: [alg], keys, tenants: 'all' },
    sign: (tenantId, lifetime = 300) =>
      new SignJWT({ tenant_id: tenantId })
        .setProtectedHeader({ alg, kid: 'demo' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setExpirationTime(Math.floor(Date.now() / 1000) + lifetime)
        .sign(privateKey),
  }
}
