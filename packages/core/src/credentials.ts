import type { Secret } from './secret.ts'

/** Where a login is for: coordinates of one tenant's database, never secret. */
export interface LoginTarget {
  /** The tenant's id. */
  readonly tenant: string
  /** The name of the server, as the application calls it. */
  readonly server: string
  readonly host: string
  readonly port: number
  readonly database: string
  /** The role without login that owns the tenant's database. A login has its privileges and no others. */
  readonly owner: string
}

/** With what to log in to a tenant's database. */
export interface Credentials {
  readonly username: string
  readonly password: Secret
  /**
   * When they end, in milliseconds since 1970 on this process's clock, counted from before they were asked for. Absent for those
   * that stand until somebody changes them.
   */
  readonly expiresAt?: number
  /** Names the lease, to renew or revoke it. Not secret. Absent for those that are not leased. */
  readonly lease?: string
}

/**
 * Where the logins of tenants come from: the port that secret stores and brokers fill in.
 *
 * All calls are about one tenant's database. Errors: `CREDENTIALS_UNAVAILABLE` when the source cannot be asked, so that the same
 * call may succeed later; `CREDENTIALS_REFUSED` when it answers and does not want to; never with a secret in message or cause.
 */
export interface CredentialSource {
  /** Short and stable, such as `postgres-leases`; used in errors and logs. */
  readonly name: string
  /** The milliseconds after which a lease ends; absent for a source whose credentials stand. */
  readonly lifetime?: number
  /** Whether the source can be used; what it throws refuses the first statement. Default: it can. */
  ready?(): Promise<void>
  /** The role on a server that makes the logins: it must be able to grant owner roles. `undefined`, the default, where it is not known. */
  broker?(server: string): Promise<string | undefined>
  /** Credentials, new ones where they are leased. */
  issue(target: LoginTarget): Promise<Credentials>
  /** The same credentials with a later end, or `undefined` when they have to be replaced. Default: they have to. */
  renew?(credentials: Credentials, target: LoginTarget): Promise<Credentials | undefined>
  /** Ends a lease: its login is gone, and so are its sessions, once this resolves. Idempotent. */
  revoke?(credentials: Credentials, target: LoginTarget): Promise<void>
  /** Ends every lease of a tenant that the source knows of, also those of other processes. Idempotent. */
  revokeAll?(target: LoginTarget): Promise<void>
  /** Makes what the source needs to issue for a tenant, after the tenant's database is there. Idempotent. */
  enrol?(target: LoginTarget): Promise<void>
  /** Takes away what {@link enrol} made, and every lease. Idempotent. */
  withdraw?(target: LoginTarget): Promise<void>
  /** Lets go of what the source itself opened. Leases end by themselves. Idempotent. */
  close?(): Promise<void>
}
