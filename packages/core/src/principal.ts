/** Who calls, as a credential says that was verified. Nothing in it is secret. */
export interface Principal {
  /** Names the credential, for the audit and to revoke it: the id of an API key, the `jti` of a token. */
  readonly credential?: string | undefined
  /** Who vouches: the `iss` of a token. */
  readonly issuer?: string | undefined
  /** Who it is, where the credential is somebody's: the `sub` of a token. One name may be two people of two issuers. */
  readonly subject?: string | undefined
  /** What they are in this tenant, in the application's words, such as `viewer`. */
  readonly role?: string | undefined
  /** What the credential may be used for. Absent: it is not limited; empty: for nothing. */
  readonly scopes?: readonly string[] | undefined
}

/** A copy that nobody can change. */
export function frozenPrincipal({ credential, issuer, subject, role, scopes }: Principal): Principal {
  const known = Object.entries({ credential, issuer, subject, role }).filter(([, value]) => value !== undefined)
  return Object.freeze({
    ...Object.fromEntries(known),
    ...(scopes === undefined ? {} : { scopes: Object.freeze([...scopes]) }),
  })
}
