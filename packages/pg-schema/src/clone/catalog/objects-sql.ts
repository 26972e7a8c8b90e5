import { oidOf } from './sql.ts'

/** What goes when another thing goes: an index with its table, an array type with its type, a rule with its view. */
function hangingOn(list: string, which = ''): string {
  return `select distinct d.classid, d.objid from ${list} m
    join pg_catalog.pg_depend d on d.refclassid = m.classid and d.refobjid = m.objid
   where d.deptype = any (array['a', 'i', 'P', 'S']::"char"[]) ${which}`
}

/**
 * Begins a statement: `object (classid, objid)` is everything in the schema $1, and what hangs on that: most of it has no schema of its
 * own to say. Not the triggers by which the server holds a foreign key. Names are whole, so that it may be used under any path.
 */
export const objectsSql = `
with member as materialized (
  select d.classid, d.objid from pg_catalog.pg_namespace n
    join pg_catalog.pg_depend d on d.refclassid = ${oidOf('pg_namespace')} and d.refobjid = n.oid
   where n.nspname = $1
), near as materialized (
  ${hangingOn('member')}
), far as materialized (
  ${hangingOn('near', `and d.classid <> ${oidOf('pg_trigger')}`)}
), object as materialized (
  select * from member union select * from near union select * from far
)`

/** $1: a schema. What needs what inside it. */
export const edgeSql = `${objectsSql}
select f.relname::text || ' ' || d.objid::text as "from", t.relname::text || ' ' || d.refobjid::text as "to",
  d.deptype::text as type
from object o join pg_catalog.pg_depend d on d.classid = o.classid and d.objid = o.objid
join pg_catalog.pg_class f on f.oid = d.classid join pg_catalog.pg_class t on t.oid = d.refclassid
where (d.refclassid, d.refobjid) in (select r.classid, r.objid from object r)
  and (d.classid <> d.refclassid or d.objid <> d.refobjid)
group by 1, 2, 3 order by 1, 2, 3`
