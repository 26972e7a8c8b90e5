import type { Holding } from '@tenantry/core'
import type { Query } from '@tenantry/pg'
import { quoteIdentifier } from '@tenantry/pg'

/** Tables whose rows the caller may not count, since others own them. */
export async function uncountable(query: Query, schema: string): Promise<readonly string[]> {
  const { rows } = await query(
    `select format('table %s, which %s owns', oid::regclass, relowner::regrole) as object from pg_class
      where relnamespace = $1::regnamespace and relkind in ('r', 'm') and not pg_has_role(relowner, 'USAGE') order by 1`,
    [quoteIdentifier(schema)],
  )
  return rows.map(({ object }) => String(object))
}

/** What a role owns beside its schema, such as large objects. */
export async function ownedBy(query: Query, role: string): Promise<readonly Holding[]> {
  const { rows } = await query(
    `select pg_describe_object(d.classid, d.objid, 0) as name from pg_shdepend d
      where d.refclassid = 'pg_authid'::regclass and d.refobjid = (select oid from pg_roles where rolname = $1) and d.deptype = 'o'
        and d.dbid = (select oid from pg_database where datname = current_database()) order by 1`,
    [role],
  )
  return rows.map(row => ({ kind: 'object', name: String(row.name), count: 1 }))
}

/**
 * What somebody has granted to the role elsewhere, such as the schema of the default tenant that it was before, and all that names it in
 * other databases. What it owns in this one goes with it.
 */
export async function usesOfRole(query: Query, role: string): Promise<readonly string[]> {
  const { rows } = await query(
    `select distinct case when d.dbid in (0, (select oid from pg_database where datname = current_database()))
              then pg_describe_object(d.classid, d.objid, 0) else 'something in the database ' || b.datname end as object
       from pg_shdepend d left join pg_database b on b.oid = d.dbid
      where d.refclassid = 'pg_authid'::regclass and d.refobjid = (select oid from pg_roles where rolname = $1)
        and d.classid <> 'pg_auth_members'::regclass
        and not (d.deptype = 'o' and d.dbid = (select oid from pg_database where datname = current_database())) order by 1`,
    [role],
  )
  return rows.map(({ object }) => `${object}, which names the role ${role}`)
}

/** Catalogues of what has a schema, with their columns that name it. */
const placed = [
  ['pg_class', 'relnamespace'],
  ['pg_type', 'typnamespace'],
  ['pg_proc', 'pronamespace'],
  ['pg_constraint', 'connamespace'],
  ['pg_operator', 'oprnamespace'],
  ['pg_opclass', 'opcnamespace'],
  ['pg_opfamily', 'opfnamespace'],
  ['pg_collation', 'collnamespace'],
  ['pg_conversion', 'connamespace'],
  ['pg_statistic_ext', 'stxnamespace'],
  ['pg_ts_config', 'cfgnamespace'],
  ['pg_ts_dict', 'dictnamespace'],
  ['pg_ts_parser', 'prsnamespace'],
  ['pg_ts_template', 'tmplnamespace'],
  // Its members are where it is, or in no schema.
  ['pg_extension', 'extnamespace'],
]

/** Catalogues of what has no schema of its own, with their columns that name what they are a part of, and of which kind that is. */
const parts = [
  ['pg_amop', 'amopfamily', 'pg_opfamily'],
  ['pg_amproc', 'amprocfamily', 'pg_opfamily'],
  ['pg_attrdef', 'adrelid', 'pg_class'],
  ['pg_rewrite', 'ev_class', 'pg_class'],
  ['pg_trigger', 'tgrelid', 'pg_class'],
  ['pg_policy', 'polrelid', 'pg_class'],
]

/** $1: a schema. `inside (classid, objid)`: what is in it, parts of that, casts, and what extensions that stand there have in no schema. */
const insideSql = `
with placed as materialized (
  ${placed
    .map(
      ([catalog, namespace]) =>
        `select '${catalog}'::regclass::oid as classid, oid as objid from ${catalog} where ${namespace} = $1::regnamespace`,
    )
    .join('\n  union all ')}
), inside as materialized (
  select * from placed
  union all ${parts
    .map(
      ([catalog, whole, kind]) =>
        `select '${catalog}'::regclass, oid from ${catalog} where ${whole} in (select objid from placed where classid = '${kind}'::regclass)`,
    )
    .join('\n  union all ')}
  -- A cast is its types', which may be the server's.
  union all select 'pg_cast'::regclass, c.oid from pg_cast c
   where exists (select from placed where classid = 'pg_type'::regclass and objid in (c.castsource, c.casttarget))
     and not exists (select from pg_type t where t.oid in (c.castsource, c.casttarget)
       and t.typnamespace not in ($1::regnamespace, 'pg_catalog'::regnamespace))
  union all
  select d.classid, d.objid from placed e join pg_depend d on d.refclassid = e.classid and d.refobjid = e.objid
   where e.classid = 'pg_extension'::regclass and d.deptype = 'e' and (pg_identify_object(d.classid, d.objid, 0)).schema is null
)`

/** What stands elsewhere and would be dropped by the cascade. */
export async function dependentsOutside(query: Query, schema: string): Promise<readonly string[]> {
  const { rows } = await query(
    `${insideSql}
     select distinct pg_describe_object(d.classid, d.objid, 0) as object
       from pg_depend d join inside i on d.refclassid = i.classid and d.refobjid = i.objid
      -- An extension takes its members along, wherever they are.
      where (d.deptype in ('n', 'a') or d.deptype = 'e' and d.refclassid = 'pg_extension'::regclass)
        and (pg_identify_object(d.classid, d.objid, d.objsubid)).schema is distinct from quote_ident($2)
        and not exists (select from inside o where o.classid = d.classid and o.objid = d.objid)
        and d.classid <> 'pg_default_acl'::regclass and d.classid <> 'pg_publication_rel'::regclass
      order by 1`,
    [quoteIdentifier(schema), schema],
  )
  return rows.map(row => `${row.object}, which depends on ${schema}`)
}
