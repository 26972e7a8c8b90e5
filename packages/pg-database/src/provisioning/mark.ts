import { TenancyError } from '@tenantry/core'
import { quoteIdentifier } from '@tenantry/pg'
import pg from 'pg'

/** Whose a role is, as its comment says. What has no such comment was made by somebody else. */
export interface RoleMark {
  readonly tenantry: 'pg-database'
  /** The digest of the tenant's id, since every role can read comments. */
  readonly tenant: string
  /** Of a login that stands, rather than the owner of a database. */
  readonly login?: true
  /** Of an owner whose database is not all there: what is found so was left half made. */
  readonly making?: true
}

/** The comment that says whose a role is. */
export function markText(mark: Omit<RoleMark, 'tenantry'>): string {
  return JSON.stringify({ tenantry: 'pg-database', ...mark })
}

/** A statement that says whose a role is. */
export function markRole(role: string, mark: Omit<RoleMark, 'tenantry'>): string {
  return `comment on role ${quoteIdentifier(role)} is ${pg.escapeLiteral(markText(mark))}`
}

/**
 * What becomes of a role or a database that is there and should be the tenant's.
 *
 * @returns `done`, or `making` for what was left half made.
 * @throws {TenancyError} `OBJECT_FOREIGN`
 */
export function ownOrForeign(
  role: string,
  comment: string | null,
  mark: Omit<RoleMark, 'tenantry' | 'making'>,
): 'done' | 'making' {
  if (comment === markText(mark)) return 'done'
  if (comment === markText({ ...mark, making: true })) return 'making'
  throw new TenancyError('OBJECT_FOREIGN', { kind: 'role', name: role, owner: 'somebody else' })
}
