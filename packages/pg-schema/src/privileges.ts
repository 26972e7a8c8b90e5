import type { Query } from '@tenantry/pg'
import { quoteIdentifier } from '@tenantry/pg'

/** Without it a role reaches nothing in a schema, whatever else it was granted there: names are looked up in no schema that it may not use. */
export function grantUsage(schema: string, role: string): string {
  return `grant usage on schema ${quoteIdentifier(schema)} to ${quoteIdentifier(role)}`
}

/** Takes {@link grantUsage} back. */
export function revokeUsage(schema: string, role: string): string {
  return `revoke usage on schema ${quoteIdentifier(schema)} from ${quoteIdentifier(role)}`
}

/** What a tenant's role may do in its schema, where no template says so: use everything, change no structure. */
const kinds = [
  ['select, insert, update, delete', 'tables'],
  ['usage, select', 'sequences'],
  ['execute', 'functions'],
] as const

/** Grants a role the use of everything in a schema, and of what migrations of the same owner add later. */
export function grantUse(schema: string, role: string): readonly string[] {
  const [of, to] = [quoteIdentifier(schema), quoteIdentifier(role)]
  return [
    grantUsage(schema, role),
    ...kinds.map(([what, kind]) => `grant ${what} on all ${kind} in schema ${of} to ${to}`),
    ...grantLater(schema, role),
  ]
}

/**
 * Grants a role the use of what the provisioner owns in a schema: in one that was there before, such as `public`, there may be
 * objects of others, which are not its to give.
 */
export async function grantUseOfOwn(query: Query, schema: string, role: string): Promise<readonly string[]> {
  const { rows } = await query<{ grant: string }>(
    `select format('grant %s %s to %I', case relkind when 'S' then 'usage, select on sequence'
              else 'select, insert, update, delete on' end, oid::regclass, $2::text) as grant
       from pg_class where relnamespace = $1::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S', 'f') and pg_has_role(relowner, 'USAGE')
     union all
     select format('grant execute on routine %s to %I', oid::regprocedure, $2::text)
       from pg_proc where pronamespace = $1::regnamespace and pg_has_role(proowner, 'USAGE')`,
    [quoteIdentifier(schema), role],
  )
  return [grantUsage(schema, role), ...rows.map(({ grant }) => grant), ...grantLater(schema, role)]
}

/** Grants a role the use of what migrations of the same owner add to a schema later. */
function grantLater(schema: string, role: string): readonly string[] {
  const [of, to] = [quoteIdentifier(schema), quoteIdentifier(role)]
  return kinds.map(([what, kind]) => `alter default privileges in schema ${of} grant ${what} on ${kind} to ${to}`)
}

/**
 * Lets the application's login become a tenant's role, and not have its privileges without doing so. Before version 16 that is said
 * of the login itself: it must be NOINHERIT.
 */
export function grantMembership(role: string, runtime: string, version: number): string {
  const how = version >= 160000 ? ' with inherit false, set true' : ''
  return `grant ${quoteIdentifier(role)} to ${quoteIdentifier(runtime)}${how}`
}
