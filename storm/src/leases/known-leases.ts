import type { CredentialSource, Credentials, Tenant } from '@tenantry/core'

/** What is known of the leases of each tenant, without their passwords. */
export interface KnownLeases {
  readonly source: CredentialSource
  /** Whether the tenant has a lease that has not ended, and that nobody has begun to revoke. */
  isLive(tenant: Pick<Tenant, 'id'>): boolean
  /** The names of all that have not ended, those included that are being revoked. */
  held(): readonly string[]
  /** The credentials of the lease that is issued next to the tenant, or was last if it is still there; remembered until taken. */
  watch(tenant: Pick<Tenant, 'id'>): Promise<Credentials>
}

export function knownLeases(source: CredentialSource): KnownLeases {
  const ends = new Map<string, Map<string, number>>()
  const revoking = new Map<string, number>()
  const watchers = new Map<string, (credentials: Credentials) => void>()
  const of = (tenant: string): Map<string, number> => {
    const known = ends.get(tenant) ?? new Map()
    ends.set(tenant, known)
    for (const [lease, end] of known) if (end <= Date.now()) known.delete(lease)
    return known
  }
  const beingRevoked = () => [...revoking].filter(([, end]) => end > Date.now()).map(([lease]) => lease)
  return {
    source: {
      ...source,
      async issue(target) {
        const issued = await source.issue(target)
        of(target.tenant).set(issued.username, issued.expiresAt ?? 0)
        watchers.get(target.tenant)?.(issued)
        watchers.delete(target.tenant)
        return issued
      },
      async revoke(credentials, target) {
        of(target.tenant).delete(credentials.username)
        revoking.set(credentials.username, credentials.expiresAt ?? 0)
        await source.revoke?.(credentials, target)
        // Its keeper has still to hear of it.
        setTimeout(() => revoking.delete(credentials.username), 50)
      },
      async revokeAll(target) {
        ends.delete(target.tenant)
        await source.revokeAll?.(target)
      },
    },
    isLive: ({ id }) => of(id).size > 0,
    held: () => [...[...ends.keys()].flatMap(tenant => [...of(tenant).keys()]), ...beingRevoked()],
    watch: ({ id }) => new Promise(resolve => void watchers.set(id, resolve)),
  }
}
