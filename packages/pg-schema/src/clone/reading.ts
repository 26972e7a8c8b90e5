import type { Query } from '@tenantry/pg'
import { quoteIdentifier } from '@tenantry/pg'

/**
 * What decides how the server prints constants and names. The two texts of one thing must be the same whoever reads them, and a
 * statement must mean the same when it is run.
 */
const printing = {
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  extra_float_digits: '3',
  bytea_output: 'hex',
  xmlbinary: 'base64',
  lc_monetary: 'C',
  standard_conforming_strings: 'on',
  quote_all_identifiers: 'off',
} as const

/** What decides how the statements of a clone are understood, over and above how they were printed. */
const running = {
  ...printing,
  // Bodies may name what comes later; they were checked when the template was made.
  check_function_bodies: 'off',
  // Rows that a policy hides would be missing in the clone without a word.
  row_security: 'off',
  xmloption: 'content',
  array_nulls: 'on',
  transform_null_equals: 'off',
  default_tablespace: '',
  default_table_access_method: 'heap',
  client_min_messages: 'warning',
} as const

/** One statement that holds for the rest of the transaction. */
export const runningSettings = `select ${Object.entries(running)
  .map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', true)`)
  .join(', ')}`

/** Catalogues grow with every tenant: what plans are good in a small one must not decide. */
const planning = { jit: 'off', enable_seqscan: 'off', enable_hashjoin: 'off', enable_mergejoin: 'off' } as const

const settings = { ...printing, ...planning }
const names = ['search_path', ...Object.keys(settings)]
const change = `select array[${names.map(name => `pg_catalog.current_setting('${name}')`).join(', ')}] as before,
  pg_catalog.set_config('search_path', $1, true), ${Object.entries(settings)
    .map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', true)`)
    .join(', ')}`
const restore = `select ${names.map((name, at) => `pg_catalog.set_config('${name}', ($1::text[])[${at + 1}], true)`).join(', ')}`

/** The path under which the names of a schema are printed without it. */
export function readingPath(schema: string): string {
  return `${quoteIdentifier(schema)}, pg_temp`
}

/**
 * Reads the catalogue with the names of one schema printed without it, and all others with theirs, whatever the caller's settings
 * are; they are put back. The server's own names come first, so that nothing in the schema can stand in for what the queries call.
 */
export async function reading<T>(query: Query, schema: string, read: () => Promise<T>): Promise<T> {
  const { rows } = await query<{ before: readonly string[] }>(change, [readingPath(schema)])
  // A query that fails ends the transaction, and with it the settings.
  const result = await read()
  await query(restore, [rows[0]?.before])
  return result
}
