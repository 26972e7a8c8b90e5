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
