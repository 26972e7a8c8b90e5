import { type Query, quoteIdentifier } from '@tenantry/pg'
import { grantRole } from '../grant-role.ts'

/** Lets the provisioner work on what a role owns. Not for longer than it works: it is to have no tenant's data at hand. */
export function becomeMember(role: string, version: number): string {
  return grantRole(role, 'current_user', version)
}

/** Ends {@link becomeMember}. Since version 16 the right to grant the role stays, which whoever has made a role is given. */
export function leaveMembership(role: string, version: number): string {
  return version >= 160000
    ? `grant ${quoteIdentifier(role)} to current_user with inherit false, set false`
    : `revoke ${quoteIdentifier(role)} from current_user`
}

/** Lets the role that makes the logins of tenants grant them an owner role, which before version 16 CREATEROLE alone does. */
export async function letGrant(query: Query, role: string, broker: string, version: number): Promise<void> {
  if (version < 160000) return
  await query(`grant ${quoteIdentifier(role)} to ${quoteIdentifier(broker)} with admin true, inherit false, set false`)
}

/** {@link leaveMembership} after a failure, whose error is the one that tells what to mend. */
export async function leaveAfter(query: Query, role: string, version: number): Promise<void> {
  await query(leaveMembership(role, version)).catch(() => undefined)
}
