import { quoteIdentifier } from '@tenantry/pg'
import type { Query } from './clone/query.ts'

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
