import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { Tenant } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import type { Client, Directory, User } from './directory.ts'
import { alg, type SigningKeys } from './signing-keys.ts'

/** What a code or a refresh token stands for. */
export interface Grant {
  readonly client_id: string
  readonly user_id: string
  readonly details: Readonly<Record<string, string>>
}

/** Seconds. */
const lifetimes = { ticket: 300, code: 60, access: 300, refresh: 86_400 }

/** Tokens of whichever organization is current, signed with its own key and named after its own issuer. */
export function tokens(base: string, keys: SigningKeys, rows: TenantPool, people: Directory) {
  const issuerOf = ({ slug }: Tenant) => `${base}/${slug}`

  async function sign(tenant: Tenant, typ: string, audience: string, claims: JWTPayload, seconds: number) {
    const { kid, privateKey } = await keys.of(tenant)
    return new SignJWT({ jti: randomUUID(), ...claims })
      .setProtectedHeader({ alg, kid, typ })
      .setIssuer(issuerOf(tenant))
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime(`${seconds} s`)
      .sign(privateKey)
  }

  /** @returns `undefined` for a token that this organization has not signed, for this audience, a short time ago. */
  async function verify(tenant: Tenant, typ: string, audience: string | undefined, token: unknown) {
    if (typeof token !== 'string') return undefined
    const { publicKey } = await keys.of(tenant)
    const terms = { algorithms: [alg], issuer: issuerOf(tenant), typ, requiredClaims: ['exp', 'sub'] }
    try {
      return (await jwtVerify(token, publicKey, { ...terms, ...(audience === undefined ? {} : { audience }) })).payload
    } catch (error) {
      // All that a token can be is an error of jose; anything else is ours.
      if (error instanceof errors.JOSEError) return undefined
      throw error
    }
  }

  async function keep(kind: 'code' | 'refresh', grant: Grant): Promise<string> {
    const value = randomBytes(32).toString('base64url')
    await rows.query(
      `insert into grants (hash, kind, client_id, user_id, details, expires)
       values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))`,
      [sha256(value), kind, grant.client_id, grant.user_id, JSON.stringify(grant.details), lifetimes[kind]],
    )
    return value
  }

  return {
    issuerOf,
    /** Carries a login to the consent, so that no cookie is needed. */
    ticket: (tenant: Tenant, user: User, request: Readonly<Record<string, string>>) =>
      sign(tenant, 'ticket+jwt', 'consent', { sub: user.id, request }, lifetimes.ticket),
    readTicket: (tenant: Tenant, token: unknown) => verify(tenant, 'ticket+jwt', 'consent', token),
    keep,
    /** Gives what it stands for once: the second time there is nothing. */
    async redeem(kind: 'code' | 'refresh', value: unknown, client: Client): Promise<Grant | undefined> {
      if (typeof value !== 'string') return undefined
      const { rows: found } = await rows.query<Grant>(
        `delete from grants where hash = $1 and kind = $2 and client_id = $3 and expires > now()
         returning client_id, user_id, details`,
        [sha256(value), kind, client.id],
      )
      return found[0]
    },
    /** What the token endpoint answers with. */
    async issue(tenant: Tenant, client: Client, user: User, nonce: string | undefined) {
      const roles = await people.rolesOf(user.id, client.application)
      const claims = { ...(await people.claimsOf(user.id)), sub: user.id, roles, client_id: client.id }
      const identity = { sub: user.id, email: user.email, name: user.name, ...(nonce === undefined ? {} : { nonce }) }
      return {
        access_token: await sign(tenant, 'at+jwt', client.application, claims, lifetimes.access),
        id_token: await sign(tenant, 'JWT', client.id, identity, lifetimes.access),
        refresh_token: await keep('refresh', { client_id: client.id, user_id: user.id, details: {} }),
        token_type: 'Bearer',
        expires_in: lifetimes.access,
      }
    },
    readAccess: (tenant: Tenant, token: unknown, audience?: string) => verify(tenant, 'at+jwt', audience, token),
  }
}

export type Tokens = ReturnType<typeof tokens>

/** RFC 7636 section 4.6: what the challenge of a verifier must be. */
export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url')
}

function sha256(value: string): string {
  return createHash('sha256').update(value).digest('hex')
}
