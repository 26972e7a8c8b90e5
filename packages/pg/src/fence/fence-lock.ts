/**
 * The lock of a tenant's fence, as SQL: each transaction of the tenant holds it shared to its end, and whoever raises the fence waits
 * until nobody does.
 *
 * @param tenant - an SQL expression for what names the tenant in this database.
 */
export function fenceKey(tenant: string): string {
  return `pg_catalog.hashtextextended('tenantry fence ' operator(pg_catalog.||) ${tenant}::pg_catalog.text, 0)`
}

/**
 * SQL that takes the lock for a transaction, and is false where somebody raises the fence or waits to. It never waits: behind one
 * tenant's statement there may be another's.
 */
export function shareFence(tenant: string): string {
  return `pg_catalog.pg_try_advisory_xact_lock_shared(${fenceKey(tenant)})`
}

/**
 * SQL for those who hold a lock with the key `$1`, among the rows of `pg_locks` (its page, on advisory locks). The server knows the two
 * halves of a key as `oid`.
 */
export function holdersOf(key: string): string {
  const half = (bits: string) => `(${bits} operator(pg_catalog.&) 4294967295)::pg_catalog.oid`
  return `pg_catalog.pg_locks l where l.locktype operator(pg_catalog.=) 'advisory' and l.objsubid operator(pg_catalog.=) 1 and l.granted
     and l.database operator(pg_catalog.=) (select d.oid from pg_catalog.pg_database d where d.datname operator(pg_catalog.=) pg_catalog.current_database())
     and l.classid operator(pg_catalog.=) ${half(`(${key} operator(pg_catalog.>>) 32)`)} and l.objid operator(pg_catalog.=) ${half(key)}`
}
