import { createHash } from 'node:crypto'
import { checkWholeNumbers, type Tenant } from '@tenantry/core'
import { SignJWT } from 'jose'
import type { Admission, ApplicationTokens } from './oidc-login-options.ts'

/** Signs the token of somebody who was let into a tenant (I39). */
export type SignToken = (
  tenant: Tenant,
  person: { readonly issuer: string; readonly subject: string },
  admission: Admission,
) => Promise<{
  readonly token: string
  /** Seconds. */
  readonly expiresIn: number
}>

/** @throws {TenancyError} `ARGUMENT_INVALID` */
export function signTokens(options: ApplicationTokens): SignToken {
  const { key, algorithm, keyId, issuer, audience, lifetime = 900_000 } = options
  checkWholeNumbers({ lifetime })
  const expiresIn = Math.max(1, Math.floor(lifetime / 1000))
  return async (tenant, person, { role, subject = subjectOf(person) }) => {
    const now = Math.floor(Date.now() / 1000)
    const claims = { tenant_id: tenant.id, idp: person.issuer, ...(role !== undefined && { role }) }
    const token = await new SignJWT(claims)
      // RFC 9068, section 2.1.
      .setProtectedHeader({ alg: algorithm, typ: 'at+jwt', ...(keyId !== undefined && { kid: keyId }) })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(subject)
      .setJti(crypto.randomUUID())
      .setIssuedAt(now)
      .setExpirationTime(now + expiresIn)
      .sign(key)
    return { token, expiresIn }
  }
}

/** A subject is unique within its issuer only (OpenID Connect Core 1.0, section 5.7), and a tenant may run its own. */
function subjectOf({ issuer, subject }: { readonly issuer: string; readonly subject: string }): string {
  return createHash('sha256')
    .update(JSON.stringify([issuer, subject]))
    .digest('base64url')
}
