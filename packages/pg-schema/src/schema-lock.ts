import type { Query } from '@tenantry/pg'
import { quoteQualified } from '@tenantry/pg'
import pg from 'pg'

const key = (schema: string) => `pg_catalog.hashtextextended(${pg.escapeLiteral(`tenantry pg-schema ${schema}`)}, 0)`

/** A statement for all who make, change or drop a schema: until their transactions end they take turns. */
export function lockSchema(schema: string): string {
  return `select pg_catalog.pg_advisory_xact_lock(${key(schema)})`
}

/** A statement for all who read a schema in more than one statement: meanwhile nobody of {@link lockSchema} changes it. */
export function keepSchema(schema: string): string {
  return `select pg_catalog.pg_advisory_xact_lock_shared(${key(schema)})`
}

/** Nobody adds anything to the tables of a schema any more that a look for it would miss; who is adding something is waited for. */
export async function lockTables(query: Query, schema: string): Promise<void> {
  const { rows } = await query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relkind in ('r', 'p') and pg_has_role(c.relowner, 'USAGE') order by c.oid`,
    [schema],
  )
  const tables = rows.map(({ name }) => quoteQualified(schema, name))
  if (tables.length > 0) await query(`lock table only ${tables.join(', only ')} in access exclusive mode`)
}
