import { among, membersSql, oidOf, rowsAs } from './sql.ts'

const ofKind = (catalog: string) => among('member', `classid = ${oidOf(catalog)}`)

// A domain's default is an expression, whose text in typdefault is as old as the default.
const types = `
select t.oid, pg_catalog.quote_ident(t.typname) as name, t.typtype as type, t.typrelid as relation,
  pg_catalog.pg_get_userbyid(t.typowner) as owner, t.typacl::text[] as acl, t.typisdefined as defined,
  case when t.typtype = 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod) end as base,
  case when t.typcollation <> b.typcollation then t.typcollation::regcollation::text end as collation,
  t.typnotnull as "notNull", pg_catalog.pg_get_expr(t.typdefaultbin, ${oidOf('pg_type')}) as "default",
  case when t.typtype = 'e' then array(select pg_catalog.quote_literal(e.enumlabel) from pg_catalog.pg_enum e
     where e.enumtypid = t.oid order by e.enumsortorder) end as labels,
  case when t.typtype = 'r' then (select pg_catalog.json_build_object(
       'subtype', pg_catalog.format_type(r.rngsubtype, null),
       'opclass', case when not o.opcdefault then
          pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(o.opcname) end,
       'collation', case when r.rngcollation <> s.typcollation then r.rngcollation::regcollation::text end,
       'canonical', case when r.rngcanonical <> 0::oid then r.rngcanonical::regproc::text end,
       'difference', case when r.rngsubdiff <> 0::oid then r.rngsubdiff::regproc::text end,
       'multirange', pg_catalog.quote_ident(m.typname))
     from pg_catalog.pg_range r join pg_catalog.pg_opclass o on o.oid = r.rngsubopc
     join pg_catalog.pg_namespace n on n.oid = o.opcnamespace
     join pg_catalog.pg_type s on s.oid = r.rngsubtype join pg_catalog.pg_type m on m.oid = r.rngmultitypid
    where r.rngtypid = t.oid) end as range,
  pg_catalog.pg_type_is_visible(t.oid) as visible
from pg_catalog.pg_type t
left join pg_catalog.pg_type b on b.oid = t.typbasetype
where t.oid = ${ofKind('pg_type')} order by t.oid`

// A range type brings functions of its own, which depend on it internally.
const functions = `
select p.oid, pg_catalog.quote_ident(p.proname) as name, p.prokind as kind,
  pg_catalog.pg_get_userbyid(p.proowner) as owner, p.proacl::text[] as acl,
  pg_catalog.pg_get_function_identity_arguments(p.oid) as signature,
  pg_catalog.pg_get_function_arguments(p.oid) as arguments, pg_catalog.pg_get_function_result(p.oid) as result,
  pg_catalog.quote_ident(l.lanname) as language, l.lanpltrusted as trusted, p.prosrc as source,
  pg_catalog.pg_get_function_sqlbody(p.oid) as body, p.provolatile as volatility, p.proleakproof as leakproof,
  p.proisstrict as strict, p.prosecdef as definer, p.proparallel as parallel,
  p.procost::text as cost, p.prorows::text as rows,
  case when p.prosupport <> 0::oid then p.prosupport::regproc::text end as support,
  array(select pg_catalog.format_type(y, null) from pg_catalog.unnest(p.protrftypes) y) as transforms,
  coalesce(p.proconfig, '{}') as settings, pg_catalog.pg_function_is_visible(p.oid) as visible,
  exists (select from pg_catalog.pg_depend d where d.classid = ${oidOf('pg_proc')} and d.objid = p.oid
     and d.refclassid = ${oidOf('pg_type')} and d.deptype = 'i') as "ofRange"
from pg_catalog.pg_proc p join pg_catalog.pg_language l on l.oid = p.prolang
where p.oid = ${ofKind('pg_proc')} order by p.oid`

// Up to the name of its table a trigger can be told from its parts, which is how that name can be left out. What the server made for a
// constraint is told only where somebody has switched it off.
const triggers = `
select t.oid, t.tgrelid as relation, pg_catalog.quote_ident(t.tgname) as name, t.tgisinternal as internal,
  t.tgenabled as enabled, t.tgparentid <> 0::oid as "isClone", pg_catalog.pg_get_triggerdef(t.oid) as definition,
  'CREATE ' || case when t.tgconstraint <> 0::oid then 'CONSTRAINT ' else '' end
    || 'TRIGGER ' || pg_catalog.quote_ident(t.tgname)
    || case t.tgtype::int4 & 66 when 2 then ' BEFORE ' when 64 then ' INSTEAD OF ' else ' AFTER ' end
    || pg_catalog.array_to_string(array[
         case when t.tgtype::int4 & 4 <> 0 then 'INSERT' end, case when t.tgtype::int4 & 8 <> 0 then 'DELETE' end,
         case when t.tgtype::int4 & 16 <> 0 then 'UPDATE' || coalesce(' OF ' || (
             select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' order by u.at)
               from pg_catalog.unnest(t.tgattr::int2[]) with ordinality u(number, at)
               join pg_catalog.pg_attribute a on a.attrelid = t.tgrelid and a.attnum = u.number), '') end,
         case when t.tgtype::int4 & 32 <> 0 then 'TRUNCATE' end], ' OR ') || ' ON ' as head
from pg_catalog.pg_trigger t
where t.tgrelid = ${among('relation')} and (not t.tgisinternal or t.tgenabled <> 'O') order by t.oid`

// The rule _RETURN is the view itself.
const rules = `
select r.oid, r.ev_class as relation, pg_catalog.quote_ident(r.rulename) as name, r.ev_enabled as enabled,
  pg_catalog.pg_get_ruledef(r.oid) as definition,
  'CREATE RULE ' || pg_catalog.quote_ident(r.rulename) || e' AS\\n    ON '
    || case r.ev_type when '2' then 'UPDATE' when '3' then 'INSERT' when '4' then 'DELETE' end || ' TO ' as head
from pg_catalog.pg_rewrite r where r.ev_class = ${among('relation')} and r.rulename <> '_RETURN' order by r.oid`

const policies = `
select p.oid, p.polrelid as relation, pg_catalog.quote_ident(p.polname) as name, p.polcmd as command,
  p.polpermissive as permissive,
  array(select case r when 0::oid then '' else pg_catalog.pg_get_userbyid(r)::text end
          from pg_catalog.unnest(p.polroles) r) as roles,
  pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using, pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check
from pg_catalog.pg_policy p where p.polrelid = ${among('relation')} order by p.oid`

const statistics = `
select s.oid, s.stxrelid as relation, s.stxrelid::regclass::text as table, pg_catalog.quote_ident(s.stxname) as name, s.stxkind as kinds,
  pg_catalog.pg_get_userbyid(s.stxowner) as owner, pg_catalog.pg_get_statisticsobjdef_columns(s.oid) as columns,
  nullif(s.stxstattarget, -1) as target, pg_catalog.pg_statistics_obj_is_visible(s.oid) as visible
from pg_catalog.pg_statistic_ext s where s.oid = ${ofKind('pg_statistic_ext')} order by s.oid`

const commented = [
  `select oid from relation union all select oid from member`,
  `select i.indexrelid from pg_catalog.pg_index i where i.indrelid = ${among('relation')}`,
  `select k.oid from pg_catalog.pg_constraint k where k.conrelid = ${among('relation')}`,
  `select k.oid from pg_catalog.pg_constraint k where k.contypid = ${ofKind('pg_type')}`,
  `select t.oid from pg_catalog.pg_trigger t where t.tgrelid = ${among('relation')}`,
  `select r.oid from pg_catalog.pg_rewrite r where r.ev_class = ${among('relation')}`,
  `select p.oid from pg_catalog.pg_policy p where p.polrelid = ${among('relation')}`,
].join(' union all ')

// Two catalogues may have one oid for two things, of which the other is nobody's here.
const comments = `
select k.relname as catalog, d.objoid as oid, d.objsubid as column, pg_catalog.quote_literal(d.description) as text
from pg_catalog.pg_description d join pg_catalog.pg_class k on k.oid = d.classoid
where d.objoid = any (array(${commented})) order by 1, 2, 3`

const others = `
select k.relname::text || ' ' || d.objid::text as key, i.type || ' ' ||
  case when pg_catalog.starts_with(i.identity, pg_catalog.quote_ident(n.nspname) || '.')
    then pg_catalog.substr(i.identity, pg_catalog.length(pg_catalog.quote_ident(n.nspname)) + 2) else i.identity end as name
from pg_catalog.pg_depend d join pg_catalog.pg_class k on k.oid = d.classid
cross join lateral pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) i
where d.refclassid = ${oidOf('pg_namespace')} and d.refobjid = n.oid and d.classid <> all (array['pg_catalog.pg_class',
  'pg_catalog.pg_type', 'pg_catalog.pg_proc', 'pg_catalog.pg_statistic_ext', 'pg_catalog.pg_default_acl']::regclass[]::oid[])
order by 2`

/** $1: a schema. One row: types, code, and what stands on tables without being a part of them. */
export const codeSql = `${membersSql}
select ${rowsAs('types', types)},
  ${rowsAs('functions', functions)},
  ${rowsAs('triggers', triggers)},
  ${rowsAs('rules', rules)},
  ${rowsAs('policies', policies)},
  ${rowsAs('statistics', statistics)},
  ${rowsAs('comments', comments)},
  ${rowsAs('others', others)}
from schema n`
