import { among, membersSql, oidOf, rowsAs } from './sql.ts'

const schema = `select n.oid, pg_catalog.quote_ident(n.nspname) as quoted,
  pg_catalog.pg_get_userbyid(n.nspowner) as owner, n.nspacl::text[] as acl, current_user as me,
  (select pg_catalog.json_object_agg(t.k, pg_catalog.acldefault(t.k::"char", n.nspowner)::text[])
     from pg_catalog.unnest(array['r', 's', 'f', 'T', 'n']) t(k)) as "defaultAcls"`

const relations = `
select c.oid, pg_catalog.quote_ident(c.relname) as name, c.relname as "plainName", c.relkind as kind,
  c.relpersistence as persistence, c.relispartition as "isPartition",
  pg_catalog.pg_get_userbyid(c.relowner) as owner, c.relacl::text[] as acl,
  case when c.reloptions is not null or t.reloptions is not null then
    pg_catalog.array_cat(c.reloptions, array(select 'toast.' || o from pg_catalog.unnest(t.reloptions) o)) end as options,
  c.relrowsecurity as "rowSecurity", c.relforcerowsecurity as forced, c.relreplident as "replicaIdentity",
  c.relispopulated as populated, m.amname as method, pg_catalog.quote_ident(s.spcname) as tablespace,
  case when c.relkind = 'p' then pg_catalog.pg_get_partkeydef(c.oid) end as "partitionKey",
  pg_catalog.pg_get_expr(c.relpartbound, c.oid) as bound,
  case when c.reloftype <> 0::oid then pg_catalog.format_type(c.reloftype, null) end as "ofType",
  case when c.relkind in ('v', 'm') then pg_catalog.pg_get_viewdef(c.oid) end as query,
  array(select h.inhparent from pg_catalog.pg_inherits h where h.inhrelid = c.oid order by h.inhseqno) as parents,
  array(select h.inhparent::regclass::text from pg_catalog.pg_inherits h where h.inhrelid = c.oid order by h.inhseqno)
    as "parentNames",
  pg_catalog.pg_table_is_visible(c.oid) as visible
from pg_catalog.pg_class c
left join pg_catalog.pg_class t on t.oid = c.reltoastrelid
left join pg_catalog.pg_am m on m.oid = c.relam
left join pg_catalog.pg_tablespace s on s.oid = c.reltablespace
where c.oid = ${among('relation')} order by c.oid`

// Version 17 has no statistics target where others have -1.
const columns = `
select a.attrelid as relation, a.attnum as number, pg_catalog.quote_ident(a.attname) as name,
  pg_catalog.format_type(a.atttypid, a.atttypmod) as type, t.typnamespace = n.oid as "ownType", a.attnotnull as "notNull",
  a.attidentity as identity, a.attgenerated as generated, a.attislocal as "isLocal",
  case when a.attcollation <> t.typcollation then a.attcollation::regcollation::text end as collation,
  case when a.attstorage <> t.typstorage then a.attstorage end as storage,
  a.attcompression as compression, nullif(a.attstattarget, -1) as "statisticsTarget", a.attoptions as options,
  a.attacl::text[] as acl, d.oid as "defaultOid", pg_catalog.pg_get_expr(d.adbin, d.adrelid) as "default"
from pg_catalog.pg_attribute a
join pg_catalog.pg_type t on t.oid = a.atttypid
left join pg_catalog.pg_attrdef d on a.atthasdef and d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = ${among('relation', "kind <> 'S'")} and a.attnum > 0 and not a.attisdropped order by a.attrelid, a.attnum`

// Constraint triggers are triggers. The foreign keys of a partition, and those to one, come and go with the partitioned table's.
const constraintsOf = (which: string) => `
select k.oid, nullif(k.conrelid, 0::oid) as relation, nullif(k.contypid, 0::oid) as domain,
  pg_catalog.quote_ident(k.conname) as name, k.contype as type, pg_catalog.pg_get_constraintdef(k.oid) as definition,
  k.convalidated as validated, k.conislocal as "isLocal",
  case when k.contype in ('p', 'u', 'x') then k.conindid end as index,
  case when k.contype = 'n' then k.conkey[1] end as column
from pg_catalog.pg_constraint k
where ${which} and k.contype <> 't' and not (k.contype = 'f' and k.conparentid <> 0::oid)`

const indexes = `
select c.oid, i.indrelid as relation, pg_catalog.quote_ident(c.relname) as name,
  case when c.oid <> all (array(select index from own_constraint where index is not null))
    then pg_catalog.pg_get_indexdef(c.oid) end as definition,
  i.indisunique as "isUnique", c.reloptions as options,
  pg_catalog.quote_ident(s.spcname) as tablespace, i.indisvalid and i.indisready and i.indislive as valid,
  i.indisclustered as clustered, i.indisreplident as "isIdentity",
  array(select 'ALTER COLUMN ' || a.attnum::text || ' SET STATISTICS ' || a.attstattarget::text
     from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and a.attstattarget >= 0
    order by a.attnum) as targets,
  case when c.relispartition then (select h.inhparent from pg_catalog.pg_inherits h where h.inhrelid = c.oid) end as parent
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid
left join pg_catalog.pg_tablespace s on s.oid = c.reltablespace
where i.indrelid = ${among('relation')} order by c.oid`

// An identity's sequence depends on its column internally, one that a column owns automatically.
const sequences = `
select s.seqrelid as oid, pg_catalog.format_type(s.seqtypid, null) as type, s.seqstart::text as start,
  s.seqincrement::text as increment, s.seqmin::text as minimum, s.seqmax::text as maximum, s.seqcache::text as cache,
  s.seqcycle as cycle, d.refobjid as "ownerTable", d.refobjsubid as "ownerColumn", d.deptype = 'i' as "isIdentity"
from pg_catalog.pg_sequence s
left join pg_catalog.pg_depend d on d.classid = ${oidOf('pg_class')} and d.objid = s.seqrelid and d.objsubid = 0
 and d.refclassid = ${oidOf('pg_class')} and d.deptype in ('a', 'i')
where s.seqrelid = ${among('relation', "kind = 'S'")} order by 1`

// Those of no schema are what a new object of the current role has at first.
const defaultAcls = `
select d.defaclnamespace = 0::oid as global, pg_catalog.pg_get_userbyid(d.defaclrole) as role,
  d.defaclobjtype as type, d.defaclacl::text[] as acl
from pg_catalog.pg_default_acl d
where d.defaclnamespace = n.oid
   or d.defaclnamespace = 0::oid and pg_catalog.pg_get_userbyid(d.defaclrole) = current_user order by 1, 2, 3`

const commented = `select oid from relation union all select oid from own_constraint
  union all select i.indexrelid from pg_catalog.pg_index i where i.indrelid = ${among('relation')}`

/**
 * $1: a schema. One row, or none when there is no such schema: tables and what belongs to them. `more` says whether the other
 * statement has something to tell.
 */
export const tableSql = `${membersSql}, own_constraint as materialized (
  ${constraintsOf(`k.conrelid = ${among('relation')}`)}
  union all ${constraintsOf(`k.contypid = ${among('member', `classid = ${oidOf('pg_type')}`)}`)}
)
select pg_catalog.current_setting('search_path') as path, (select pg_catalog.row_to_json(x) from (${schema}) x) as schema,
  ${rowsAs('relations', relations)},
  ${rowsAs('columns', columns)},
  ${rowsAs('constraints', 'select * from own_constraint order by oid')},
  ${rowsAs('indexes', indexes)},
  ${rowsAs('sequences', sequences)},
  ${rowsAs('"defaultAcls"', defaultAcls)},
  exists (select from member where classid <> all (array[${oidOf('pg_class')}, ${oidOf('pg_default_acl')}]))
    or exists (select from pg_catalog.pg_trigger t where t.tgrelid = ${among('relation')}
         and (not t.tgisinternal or t.tgenabled <> 'O'))
    or exists (select from pg_catalog.pg_rewrite r where r.ev_class = ${among('relation')} and r.rulename <> '_RETURN')
    or exists (select from pg_catalog.pg_policy p where p.polrelid = ${among('relation')})
    or exists (select from pg_catalog.pg_description d where d.objoid = any (array(${commented}))) as more
from schema n`
