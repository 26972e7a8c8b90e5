import { type CredentialSource, type Credentials, isTenancyError, type LoginTarget } from '@tenantry/core'

/** Whose leases they are. */
export interface LeaseOrigin {
  readonly source: CredentialSource
  readonly target: LoginTarget
}

/** What a log says of a lease with which something failed: the login's name, never its password, and of the error the code only. */
export function leaseEvent(
  what: 'renewal' | 'revocation',
  { username: login }: Credentials,
  { source, target: { tenant, server } }: LeaseOrigin,
  error: unknown,
): Readonly<Record<string, string>> {
  const code = isTenancyError(error) ? error.code : 'UNKNOWN'
  return { event: `pg-database.${what}`, tenant, server, source: source.name, login, code }
}
