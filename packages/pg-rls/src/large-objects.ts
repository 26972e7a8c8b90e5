/**
 * The functions of the server that make a large object, or take one by its number. The others take a descriptor, which only
 * `lo_open` gives and which ends with its transaction.
 */
const doors = ['lo_creat', 'lo_create', 'lo_from_bytea', 'lo_get', 'lo_open', 'lo_put', 'lo_unlink']

/** The two that read and write files of the server; a superuser must have granted them. */
const files = ['lo_export', 'lo_import']

/** A condition on `pg_proc`, under this alias. */
function named(alias: string, names: readonly string[]): string {
  return `${alias}.pronamespace = 'pg_catalog'::pg_catalog.regnamespace and ${alias}.proname in (${names.map(name => `'${name}'`).join(', ')})`
}

/** A condition on `pg_proc`, under this alias: with the function, a role makes, reads or changes large objects. */
export const reachesLargeObjects = (alias: string): string => named(alias, doors)

/** A condition on `pg_proc`, under this alias: with the function, a role reads or writes files of the server. */
export const reachesFiles = (alias: string): string => named(alias, files)
