// Every function is called by its full name: a better match for the types of its arguments would win over the path (CVE-2018-1058).
// Operators cannot be, so that both sides are made to be of the same type, for which the server's own is found first.

/** The oid of a catalogue. */
export function oidOf(catalog: string): string {
  return `'pg_catalog.${catalog}'::regclass::oid`
}

/** One of a list that is made first, so that a catalogue is asked by the index that it has, however large it is. */
export function among(list: string, which = 'true'): string {
  return `any (array(select oid from ${list} where ${which}))`
}

/** Rows of a statement as one value, which is a good deal faster to read. */
export function rowsAs(name: string, statement: string): string {
  return `(select coalesce(pg_catalog.json_agg(x), '[]') from (${statement}) x) as ${name}`
}

/**
 * Begins a statement: the schema $1, and what is in it. Objects say so in pg_depend, which has an index for it; no catalogue has one
 * by schema alone. A table's row type and indexes, and the class of a composite type, depend on the table or type instead.
 */
export const membersSql = `
with schema as materialized (
  select n.* from pg_catalog.pg_namespace n where n.nspname = $1
), member as materialized (
  select d.classid, d.objid as oid from schema n
    join pg_catalog.pg_depend d on d.refclassid = ${oidOf('pg_namespace')} and d.refobjid = n.oid
), relation as materialized (
  select c.oid, c.relkind as kind, c.reltoastrelid as toast from pg_catalog.pg_class c
   where c.oid = ${among('member', `classid = ${oidOf('pg_class')}`)}
  union all select t.typrelid, 'c', 0::oid from pg_catalog.pg_type t
   where t.oid = ${among('member', `classid = ${oidOf('pg_type')}`)} and t.typrelid <> 0::oid
)`
