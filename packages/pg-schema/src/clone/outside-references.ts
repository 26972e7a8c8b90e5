import type { Query } from '@tenantry/pg'
import { objectsSql } from './catalog/objects-sql.ts'
import { type QualifiedName, qualifiedNames } from './qualified-names.ts'

/** Something in a schema that leads to something in another. */
export interface OutsideReference {
  /** Such as `view template.totals`. */
  readonly object: string
  /** Such as `table public.orders`. */
  readonly refersTo: string
}

/** What is nobody's: the server's own, and what extensions brought, wherever they brought it. */
const extensionMember = (catalog: string, oid: string) => `exists (select from pg_catalog.pg_depend e
    where e.classid = ${catalog} and e.objid = ${oid} and e.deptype = 'e')`

/**
 * $1: the schema, $2: schemas that it may refer to. What comes with something (an array type, a row type) is as that is. A dependency
 * on something in no schema, such as a language, leads nowhere. Then the bodies that the server has not looked into.
 */
const sql = `${objectsSql}, edge as materialized (
  select distinct d.classid, d.objid, d.refclassid, d.refobjid from object o
    join pg_catalog.pg_depend d on d.classid = o.classid and d.objid = o.objid
   where d.deptype <> all (array['e', 'x']::"char"[]) and d.refclassid <> 'pg_catalog.pg_namespace'::regclass::oid
     and (d.refclassid, d.refobjid) not in (select r.classid, r.objid from object r)
), brought as (
  select e.classid, e.objid, e.refclassid, e.refobjid, coalesce(i.refclassid, e.refclassid) as class,
    coalesce(i.refobjid, e.refobjid) as oid
    from edge e left join pg_catalog.pg_depend i on i.classid = e.refclassid and i.objid = e.refobjid and i.deptype = 'i'
), outside as (
  select b.*, t.type, t.identity, t.schema from brought b
    cross join lateral pg_catalog.pg_identify_object(b.refclassid, b.refobjid, 0) t
   where not ${extensionMember('b.class', 'b.oid')} and not ${extensionMember('b.refclassid', 'b.refobjid')}
)
select f.type || ' ' || f.identity as object, o.type || ' ' || o.identity as "refersTo", null as body
  from outside o cross join lateral pg_catalog.pg_identify_object(o.classid, o.objid, 0) f
 where o.schema <> all (array['pg_catalog', 'information_schema', 'pg_toast']) and o.schema <> all ($2::text[])
union all
select f.type || ' ' || f.identity, null, p.prosrc from object o
  join pg_catalog.pg_proc p on p.oid = o.objid
  cross join lateral pg_catalog.pg_identify_object(o.classid, o.objid, 0) f
 where o.classid = 'pg_catalog.pg_proc'::regclass::oid and p.prosqlbody is null
order by 1, 2`

/** $1 and $2: schemas and names, pair by pair; $3: schemas that are not meant. */
const namedSql = `
select q.schema, q.name from rows from (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) q(schema, name)
join pg_catalog.pg_namespace n on n.nspname = q.schema::name
where n.nspname::text <> all (array['pg_catalog', 'information_schema', 'pg_toast']) and n.nspname::text <> all ($3::text[])
  and (exists (select from pg_catalog.pg_class c where c.relnamespace = n.oid and c.relname = q.name::name
         and not ${extensionMember("'pg_catalog.pg_class'::regclass::oid", 'c.oid')})
    or exists (select from pg_catalog.pg_type t where t.typnamespace = n.oid and t.typname = q.name::name
         and not ${extensionMember("'pg_catalog.pg_type'::regclass::oid", 't.oid')})
    or exists (select from pg_catalog.pg_proc p where p.pronamespace = n.oid and p.proname = q.name::name
         and not ${extensionMember("'pg_catalog.pg_proc'::regclass::oid", 'p.oid')}))`

interface Row {
  readonly object: string
  readonly refersTo: string | null
  readonly body: string | null
}

/**
 * Everything in a schema that leads to another one: by a dependency that the server has noted (defaults, foreign keys, views, types,
 * parsed bodies), or by a body of text that names an object there. The server's own schemas, members of extensions and the `allowed`
 * schemas do not count. What a body puts together while it runs cannot be seen.
 */
export async function outsideReferences(
  query: Query,
  schema: string,
  allowed: readonly string[],
): Promise<readonly OutsideReference[]> {
  const { rows } = await query<Row>(sql, [schema, allowed])
  const edges = rows.flatMap(({ object, refersTo }) => (refersTo === null ? [] : [{ object, refersTo }]))
  const bodies = rows.flatMap(({ object, body }) => (body === null ? [] : [{ object, names: qualifiedNames(body) }]))
  const named = await existing(
    query,
    bodies.flatMap(({ names }) => names),
    [schema, ...allowed],
  )
  return [
    ...edges,
    ...bodies.flatMap(({ object, names }) =>
      names
        .map(keyOf)
        .filter(key => named.has(key))
        .map(key => ({ object, refersTo: `${key}, by name` })),
    ),
  ]
}

async function existing(
  query: Query,
  names: readonly QualifiedName[],
  except: readonly string[],
): Promise<ReadonlySet<string>> {
  const candidates = names.filter(({ schema }) => !except.includes(schema))
  if (candidates.length === 0) return new Set()
  const values = [candidates.map(({ schema }) => schema), candidates.map(({ name }) => name), except]
  const { rows } = await query<QualifiedName>(namedSql, values)
  return new Set(rows.map(keyOf))
}

function keyOf({ schema, name }: QualifiedName): string {
  return `${schema}.${name}`
}
