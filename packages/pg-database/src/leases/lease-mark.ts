/** Whose a login is, as its comment says. Only roles with CREATEROLE can write it: a login cannot change its own. */
export interface LeaseMark {
  readonly tenantry: 'pg-database'
  /** The name of the login itself, so that a comment which was copied to another role makes no lease of it. */
  readonly lease: string
  /** The digest of the tenant's id, since every role can read comments. */
  readonly tenant: string
}

/** What every mark of a lease begins with. */
export const leaseMarkStart = '{"tenantry":"pg-database","lease":"'

/** The comment that makes a login a lease. */
export function leaseMarkText(lease: string, tenant: string): string {
  return JSON.stringify({ tenantry: 'pg-database', lease, tenant } satisfies LeaseMark)
}

/** Reads the comment of a role; `undefined` unless it is the mark of a lease of this name. */
export function readLeaseMark(name: string, comment: string | null): LeaseMark | undefined {
  if (!comment?.startsWith(leaseMarkStart)) return undefined
  try {
    const mark: LeaseMark = JSON.parse(comment)
    return mark.lease === name ? mark : undefined
  } catch {
    // Somebody has edited it: not ours any more.
    return undefined
  }
}
