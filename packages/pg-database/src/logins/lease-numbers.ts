/** What has happened to the leases of all tenants. */
export interface LeaseNumbers {
  issued: number
  renewed: number
  /** Renewals that failed; they are tried again until the lease ends. */
  renewalsFailed: number
  revoked: number
  /** Revocations that failed; they are tried again until the lease ends. */
  revocationsFailed: number
  /** Leases that were to be revoked and ended by themselves before that succeeded: what is left of them is the sweeper's. */
  abandoned: number
}

/** Where counting begins. */
export function noLeases(): LeaseNumbers {
  return { issued: 0, renewed: 0, renewalsFailed: 0, revoked: 0, revocationsFailed: 0, abandoned: 0 }
}
