import type { Awaitable } from './awaitable.ts'

/** A user, as an issuer knows them: one subject of two issuers may be two people. */
export interface Member {
  readonly issuer: string
  readonly subject: string
}

/** That a user may enter a tenant. */
export interface Membership {
  readonly tenant: string
  /** What they are there, in the application's words. */
  readonly role?: string | null | undefined
  /** Where they are led when they choose no tenant. At most one of a user's. */
  readonly isDefault?: boolean | undefined
}

/** Which tenants a user may enter (C33): the port that an application fills in. Asked for each request, so that what is taken away is gone. */
export interface Memberships {
  /** `undefined`, or `null`, for a tenant that the user may not enter, or that there is not. */
  find(member: Member, tenant: string): Awaitable<Membership | null | undefined>
  /** All tenants that the user may enter. */
  list(member: Member): Awaitable<readonly Membership[]>
}
