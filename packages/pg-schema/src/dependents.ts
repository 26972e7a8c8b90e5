import { quoteIdentifier } from '@tenantry/pg'
import type { Query } from './clone/query.ts'

/** Tables whose rows the caller may not count, since others own them. */
export async function uncountable(query: Query, schema: string): Promise<readonly string[]> {
  const { rows } = await query(
    `select format('table %s, which %s owns', oid::regclass, relowner::regrole) as object from pg_class
      where relnamespace = $1::regnamespace and relkind in ('r', 'm') and not pg_has_role(relowner, 'USAGE') order by 1`,
    [quoteIdentifier(schema)],
  )
  return rows.map(({ object }) => String(object))
}

/** What stands elsewhere and names the role: it owns it, or was granted it. */
export async function usesOfRole(query: Query, role: string): Promise<readonly string[]> {
  const { rows } = await query(
    `select distinct case when d.dbid in (0, (select oid from pg_database where datname = current_database()))
              then pg_describe_object(d.classid, d.objid, 0) else 'something in the database ' || b.datname end as object
       from pg_shdepend d left join pg_database b on b.oid = d.dbid
      where d.refclassid = 'pg_authid'::regclass and d.refobjid = (select oid from pg_roles where rolname = $1)
        and d.classid <> 'pg_auth_members'::regclass order by 1`,
    [role],
  )
  return rows.map(({ object }) => `${object}, which names the role ${role}`)
}

/** What stands elsewhere and would be dropped by the cascade. */
export async function dependentsOutside(query: Query, schema: string): Promise<readonly string[]> {
  const { rows } = await query(
    `with inside as (
       select classid, objid from (
         select 'pg_class'::regclass::oid as classid, oid as objid, relnamespace as namespace from pg_class
         union all select 'pg_type'::regclass, oid, typnamespace from pg_type
         union all select 'pg_proc'::regclass, oid, pronamespace from pg_proc
         union all select 'pg_constraint'::regclass, oid, connamespace from pg_constraint
         union all select 'pg_operator'::regclass, oid, oprnamespace from pg_operator
         union all select 'pg_collation'::regclass, oid, collnamespace from pg_collation
         union all select 'pg_statistic_ext'::regclass, oid, stxnamespace from pg_statistic_ext
       ) objects where namespace = $1::regnamespace
     )
     select distinct pg_describe_object(d.classid, d.objid, 0) as object
       from pg_depend d join inside i on d.refclassid = i.classid and d.refobjid = i.objid
      where d.deptype in ('n', 'a')
        and (pg_identify_object(d.classid, d.objid, d.objsubid)).schema is distinct from $2
        and not exists (select from inside o where o.classid = d.classid and o.objid = d.objid)
        -- Defaults, rules, triggers and policies belong to a relation, which says where they are.
        and not exists (
          select from (
            select 'pg_attrdef'::regclass::oid as classid, oid as objid, adrelid as relation from pg_attrdef
            union all select 'pg_rewrite'::regclass, oid, ev_class from pg_rewrite
            union all select 'pg_trigger'::regclass, oid, tgrelid from pg_trigger
            union all select 'pg_policy'::regclass, oid, polrelid from pg_policy
          ) part join pg_class c on c.oid = part.relation
          where part.classid = d.classid and part.objid = d.objid and c.relnamespace = $1::regnamespace
        )
        and d.classid <> 'pg_default_acl'::regclass and d.classid <> 'pg_publication_rel'::regclass
      order by 1`,
    [quoteIdentifier(schema), schema],
  )
  return rows.map(row => `${row.object}, which depends on ${schema}`)
}
