import type { Query } from '@tenantry/pg'

/** An owner role as the server knows it. */
export interface OwnerRole {
  /** What no tenant may have, by the role itself or by what it is a member of. Should be none. */
  readonly powers: readonly string[]
  /** When a lease that begins now ends, by the server's clock. */
  readonly until: string
  readonly version: number
}

/** SQL for the attributes of a role that reach further than one database; of `r`, which is a `pg_roles`. */
export const attributesOf = `array_remove(array[case when r.rolsuper then 'SUPERUSER' end,
  case when r.rolcreatedb then 'CREATEDB' end, case when r.rolreplication then 'REPLICATION' end,
  case when r.rolbypassrls then 'BYPASSRLS' end], null)`

/**
 * Looks at the role whose privileges are to be lent, and at every role that it is a member of: a wrong target must not hand out
 * power. It is not seen here whose role it is.
 *
 * @returns `undefined` when there is no such role.
 */
export async function readOwner(query: Query, owner: string, lifetime: number): Promise<OwnerRole | undefined> {
  const { rows } = await query<OwnerRow>(
    `with recursive known(oid) as (
       select oid from pg_roles where rolname = $1::text
       union select m.roleid from pg_auth_members m join known k on k.oid = m.member)
     select r.rolname as name, ${attributesOf} || array_remove(array[case when r.rolcanlogin then 'LOGIN' end,
         case when r.rolcreaterole then 'CREATEROLE' end], null) as attributes,
       current_setting('server_version_num')::int as version,
       to_char((now() + $2::int * interval '1 millisecond') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as until
     from known join pg_roles r using (oid)`,
    [owner, lifetime],
  )
  const own = rows.find(({ name }) => name === owner)
  if (own === undefined) return undefined
  return { powers: rows.flatMap(row => powersOf(row, owner)), until: own.until, version: own.version }
}

interface OwnerRow {
  readonly name: string
  readonly attributes: readonly string[]
  readonly version: number
  readonly until: string
}

function powersOf({ name, attributes }: OwnerRow, owner: string): readonly string[] {
  // Predefined roles read all data, write files, run programs; which of them there are depends on the version.
  if (name.startsWith('pg_')) return [`what "${name}" may`]
  return attributes.map(attribute => (name === owner ? attribute : `${attribute} by "${name}"`))
}
