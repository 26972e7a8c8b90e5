import type { Query } from '@tenantry/pg'
import { objectsSql } from '../catalog/objects-sql.ts'
import { oidOf } from '../catalog/sql.ts'
import type { Problem } from './problem.ts'

/** What is known to hang on the objects of a schema, and is cloned with them. */
const parts = ['pg_class', 'pg_type', 'pg_attrdef', 'pg_constraint', 'pg_rewrite', 'pg_trigger', 'pg_policy', 'pg_proc']

/** What depends on the template from a schema of its own, stays there. */
const elsewhere = [
  ...parts,
  ...['pg_operator', 'pg_opclass', 'pg_opfamily', 'pg_amop', 'pg_amproc', 'pg_conversion', 'pg_statistic_ext'],
  ...['pg_ts_config', 'pg_ts_dict', 'pg_ts_parser', 'pg_ts_template'],
]

const listed = (catalogs: readonly string[]) =>
  `(array['${catalogs.map(catalog => `pg_catalog.${catalog}`).join("', '")}']::regclass[]::oid[])`

const key = (catalog: string, oid: string) =>
  `(select k.relname::text || ' ' || ${oid}::text from pg_catalog.pg_class k where k.oid = ${catalog})`

/** $1: the schema. Members of extensions, and where the extension is. */
const memberSql = `${objectsSql}
select ${key('o.classid', 'o.objid')} as key, i.type || ' ' || i.identity as object, e.extname::text as extension,
  n.nspname = $1 as here
from object o
join pg_catalog.pg_depend d on d.classid = o.classid and d.objid = o.objid and d.deptype = 'e'
join pg_catalog.pg_extension e on e.oid = d.refobjid join pg_catalog.pg_namespace n on n.oid = e.extnamespace
cross join lateral pg_catalog.pg_identify_object(o.classid, o.objid, 0) i order by 2`

/**
 * $1: the schema. What hangs on an object of the schema without being in it, or is of a kind that is not known to: it would be left out.
 * What needs one of them without being in any schema, such as a cast; a range type comes with its own. Of what comes by itself, the
 * comment would not.
 */
const tieSql = `${objectsSql}
select w.type || ' ' || w.identity as tie, 'the schema' as object
from object o cross join lateral pg_catalog.pg_identify_object(o.classid, o.objid, 0) w
where (o.classid, o.objid) not in (select m.classid, m.objid from member m)
  and (w.schema <> all (array[pg_catalog.quote_ident($1), 'pg_toast']) or o.classid <> all ${listed(parts)})
  and not (o.classid = ${oidOf('pg_cast')} and exists (select from pg_catalog.pg_depend d
    where d.classid = o.classid and d.objid = o.objid and d.deptype = 'i'))
union
select w.type || ' ' || w.identity, 'the schema'
from object r
join pg_catalog.pg_depend d on d.refclassid = r.classid and d.refobjid = r.objid and d.deptype = 'n'
cross join lateral pg_catalog.pg_identify_object(d.classid, d.objid, 0) w
where (d.classid, d.objid) not in (select m.classid, m.objid from object m) and d.classid <> all ${listed(elsewhere)}
union all
select 'security label of ' || l.provider, i.type || ' ' || i.identity
from object o
join pg_catalog.pg_seclabel l on l.objoid = o.objid and l.classoid = o.classid
cross join lateral pg_catalog.pg_identify_object(o.classid, o.objid, 0) i
union all
select 'comment', i.type || ' ' || i.identity
from object o
join pg_catalog.pg_description l on l.objoid = o.objid and l.classoid = o.classid
cross join lateral pg_catalog.pg_identify_object(o.classid, o.objid, 0) i
where exists (select from pg_catalog.pg_constraint k where o.classid = ${oidOf('pg_constraint')} and k.oid = o.objid
        and k.contype = 'f' and k.conparentid <> 0::oid)
   or exists (select from pg_catalog.pg_depend d where o.classid = ${oidOf('pg_proc')} and d.classid = o.classid
        and d.objid = o.objid and d.refclassid = ${oidOf('pg_type')} and d.deptype = 'i')
union all
select 'dependence on the extension ' || e.extname::text, i.type || ' ' || i.identity
from object o
join pg_catalog.pg_depend d on d.classid = o.classid and d.objid = o.objid and d.deptype = 'x'
join pg_catalog.pg_extension e on e.oid = d.refobjid
cross join lateral pg_catalog.pg_identify_object(o.classid, o.objid, 0) i
order by 1, 2`

/** Objects that belong to an extension. */
export async function extensionMembers(
  query: Query,
  schema: string,
): Promise<{
  readonly members: ReadonlySet<string>
  readonly problems: readonly Problem[]
}> {
  const { rows } = await query<{ key: string; object: string; extension: string; here: boolean }>(memberSql, [schema])
  const problems = rows
    // The extension itself is told of.
    .filter(({ here }) => !here)
    .map(({ key, object, extension }) => ({
      key,
      text: `${object}: it belongs to the extension ${extension}; move it into a schema that tenants share`,
    }))
  return { members: new Set(rows.map(({ key }) => key)), problems }
}

/** What else hangs on the objects of a schema. */
export async function foreignTies(query: Query, schema: string): Promise<readonly Problem[]> {
  const { rows } = await query<{ tie: string; object: string }>(tieSql, [schema])
  return rows.map(({ tie, object }) => ({
    key: `${tie} ${object}`,
    text: `${tie}: it goes with ${object}, and would not go with a clone; drop it`,
  }))
}
