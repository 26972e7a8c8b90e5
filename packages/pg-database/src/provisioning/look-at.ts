import { TenancyError } from '@tenantry/core'
import type { Query } from '@tenantry/pg'
import pg from 'pg'
import { ownOrForeign, type RoleMark } from './mark.ts'

/** The names of what a tenant has on a server. */
export interface StoreNames {
  readonly database: string
  readonly owner: string
}

/** What there is of a tenant. */
export interface Found {
  /** Whether the owner role is there, and with it all else or only a part. */
  readonly owner: 'none' | 'making' | 'done'
  readonly database: boolean
  /** Whether the database takes connections. */
  readonly open: boolean
  /** Whether a drop was interrupted: then the server lets nobody do anything with it but drop it. */
  readonly invalid: boolean
  /** Of the server, such as 180004. */
  readonly version: number
}

/**
 * What there is under a tenant's names. A database is the tenant's when the tenant's role owns it: that role can neither log in nor make
 * databases, so that nobody but the provisioner can have given it one.
 *
 * @throws {TenancyError} `OBJECT_FOREIGN` for what is somebody else's.
 */
export async function lookAt(
  query: Query,
  { database, owner }: StoreNames,
  mark: Omit<RoleMark, 'tenantry' | 'making'>,
): Promise<Found> {
  const { rows } = await query<{
    comment: string | null
    has_role: boolean
    datdba: string | null
    open: boolean | null
    invalid: boolean | null
    version: number
  }>(
    `select (select shobj_description(oid, 'pg_authid') from pg_roles where rolname = $2) as comment,
            exists (select from pg_roles where rolname = $2) as has_role,
            (select pg_get_userbyid(datdba) from pg_database where datname = $1) as datdba,
            (select datallowconn and datconnlimit <> -2 from pg_database where datname = $1) as open,
            (select datconnlimit = -2 from pg_database where datname = $1) as invalid,
            current_setting('server_version_num')::int as version`,
    [database, owner],
  )
  const [row] = rows
  if (row === undefined) throw new Error('The server gave no answer.')
  const { comment, has_role, datdba, open, invalid, version } = row
  const found = has_role ? ownOrForeign(owner, comment, mark) : 'none'
  if (datdba !== null && (datdba !== owner || found === 'none'))
    throw new TenancyError('OBJECT_FOREIGN', { kind: 'database', name: database, owner: `the role ${datdba}` })
  return { owner: found, database: datdba !== null, open: open === true, invalid: invalid === true, version }
}

/**
 * A statement for all who make or drop the same database: until their connections end they take turns.
 *
 * @param name - of a tenant's owner role, or of a template.
 */
export function lockStore(name: string): string {
  return `select pg_advisory_lock(hashtextextended(${pg.escapeLiteral(`tenantry pg-database ${name}`)}, 0))`
}
