import { quoteIdentifier } from '@tenantry/pg'

/**
 * A statement that makes one role all that another is, also by SET ROLE. Before version 16 the first is said of the member itself, where
 * INHERIT is the default, and the second is always so.
 *
 * @param member - quoted, or `current_user`.
 * @param version - of the server, such as 180004.
 */
export function grantRole(role: string, member: string, version: number): string {
  return `grant ${quoteIdentifier(role)} to ${member}${version >= 160000 ? ' with inherit true, set true' : ''}`
}
