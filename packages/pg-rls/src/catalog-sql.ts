// What the role can do counts for every role that it can become, also where it does not inherit (SET ROLE): `pg_has_role(…,
// 'MEMBER')`. Policies hold by inheritance only: 'USAGE' (CREATE POLICY, parameter role_name).

/** Roles that the current one can become, itself included. */
export const self = "select oid from pg_roles where pg_has_role(current_user, oid, 'MEMBER')"

/** The roles, granted to the current one directly, that lead to another. */
export function through(role: string): string {
  return `array(select distinct g.rolname::text from pg_auth_members m
    join pg_roles g on g.oid = m.roleid join pg_roles me on me.oid = m.member
   where me.rolname = current_user and pg_has_role(g.oid, ${role}, 'MEMBER') order by 1)`
}

/** The grantees, quoted, through which the role has a privilege: PUBLIC, itself, or a role that it can become. */
export function grantees(acl: string, where = 'true'): string {
  return `array(select distinct case x.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end
    from aclexplode(${acl}) x
   where (x.grantee = 0 or x.grantee in (${self})) and ${where} order by 1)`
}

/** Migrations need what an owner has; to be, and not only to be able to become, the owner is another thing. */
export function notOwner(owner: string): string {
  return `(x.grantee <> ${owner} or pg_get_userbyid(${owner}) = current_user)`
}

/** The tables' own privileges and those of their columns, as one list. */
const tableAcl = `(coalesce(c.relacl, acldefault('r', c.relowner)) || array(
    select e from pg_attribute col, unnest(col.attacl) e where col.attrelid = c.oid and not col.attisdropped))`

const usable = `exists (select from self where has_schema_privilege(self.oid, n.oid, 'USAGE'))`
const reachable = `exists (select from self where has_any_column_privilege(self.oid, c.oid, 'SELECT, INSERT, UPDATE')
    or has_table_privilege(self.oid, c.oid, 'DELETE, TRUNCATE') or self.oid = c.relowner)`

/** The schemas that are not the server's own. */
export const schemaSql = `
select n.nspname::text as name from pg_namespace n
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1`

/** $1: schemas. */
export const roleSql = `
select current_user::text as name, session_user::text as session, current_database()::text as database,
  coalesce((select json_agg(json_build_object('name', r.rolname, 'superuser', r.rolsuper, 'bypassRls', r.rolbypassrls,
         'reached', pg_has_role(current_user, r.oid, 'MEMBER'), 'through', ${through('r.oid')})
         order by r.rolname <> current_user, r.rolname)
      from pg_roles r
     where (r.rolsuper or r.rolbypassrls)
       and (pg_has_role(current_user, r.oid, 'MEMBER') or pg_has_role(session_user, r.oid, 'MEMBER'))), '[]') as bypass,
  (select json_build_object('from', ${grantees(
    "coalesce(d.datacl, acldefault('d', d.datdba))",
    `x.privilege_type = 'TEMPORARY' and ${notOwner('d.datdba')}`,
  )}, 'through', ${through('d.datdba')})
     from pg_database d where d.datname = current_database()) as temporary,
  coalesce((select json_agg(json_build_object('schema', s.name, 'from', s.creators, 'through', s.through) order by s.name)
      from (select n.nspname as name, ${grantees(
        "coalesce(n.nspacl, acldefault('n', n.nspowner))",
        `x.privilege_type = 'CREATE' and ${notOwner('n.nspowner')}`,
      )} as creators, ${through('n.nspowner')} as through
              from pg_namespace n where n.nspname = any ($1)) s
     where cardinality(s.creators || s.through) > 0), '[]') as creates,
  array(select s from unnest($1::text[]) s where not exists (select from pg_namespace n where n.nspname = s)) as missing`

/** $1: schemas, $2: the tenant column. */
export const tableSql = `
with self as materialized (${self})
select c.oid::int8::float8 as oid, n.nspname::text as schema, c.relname::text as name, c.relkind::text as kind,
  pg_get_userbyid(c.relowner)::text as owner,
  -- A superuser can become everybody, which is a finding of its own.
  pg_has_role(current_user, c.relowner, 'MEMBER')
    and not (select rolsuper from pg_roles where rolname = current_user) as owned,
  ${through('c.relowner')} as "ownedThrough",
  (select r.rolname::text from pg_roles r join pg_database d on d.datname = current_database()
    where r.oid in (d.datdba, n.nspowner) and r.rolname <> 'pg_database_owner'
      and not pg_has_role(current_user, r.oid, 'MEMBER')
    order by r.oid <> d.datdba limit 1) as "otherOwner",
  c.relrowsecurity as "rowSecurity", c.relforcerowsecurity as forced,
  format_type(a.atttypid, a.atttypmod) as "columnType",
  coalesce(a.attnotnull, false) as "notNull",
  exists (select from pg_index i where i.indrelid = c.oid and i.indkey[0] = a.attnum and i.indisvalid
            and i.indpred is null) as indexed,
  ${grantees(tableAcl)} as grantees,
  ${grantees(tableAcl, "x.privilege_type = 'TRUNCATE' and x.grantee <> c.relowner")} as truncate,
  has_table_privilege(c.oid, 'DELETE')
    and (a.attnum is null or has_column_privilege(c.oid, a.attnum, 'SELECT')) as deletes,
  exists (select from pg_inherits h join pg_attribute ha on ha.attrelid = h.inhparent
           where h.inhrelid = c.oid and ha.attname = $2 and not ha.attisdropped) as child,
  coalesce((select json_agg(json_build_object('privilege', d.privilege, 'from', d.holders) order by d.privilege)
     from (select p.privilege,
             ${grantees(tableAcl, 'x.privilege_type = p.privilege and x.grantee <> c.relowner')} as holders
             from unnest(array['REFERENCES', 'TRIGGER']) p(privilege)) d
    where cardinality(d.holders) > 0), '[]') as dangerous,
  -- Columns behind INCLUDE stand in indkey and are no part of the key. A partition's index follows its parent's.
  coalesce((select json_agg(json_build_object('oid', i.indexrelid::int8::float8, 'name', x.relname,
       'constraint', k.oid is not null,
       'definition', coalesce(pg_get_constraintdef(k.oid), pg_get_indexdef(i.indexrelid))) order by x.relname)
     from pg_index i join pg_class x on x.oid = i.indexrelid
     left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = c.oid and k.contype in ('p', 'u')
    where i.indrelid = c.oid and i.indisunique and a.attnum is not null and not x.relispartition
      and not (a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1]))), '[]') as "uniqueWithout",
  coalesce((select json_agg(json_build_object(
       'name', p.polname, 'permissive', p.polpermissive, 'command', p.polcmd,
       'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid),
       'immutable', array(select distinct f.oid::regprocedure::text from pg_depend d
                            join pg_proc f on f.oid = d.refobjid
                           where d.classid = 'pg_policy'::regclass and d.objid = p.oid
                             and d.refclassid = 'pg_proc'::regclass and f.provolatile = 'i' order by 1))
       order by p.polname)
     from pg_policy p where p.polrelid = c.oid
      and (0 = any (p.polroles) or exists (select from unnest(p.polroles) r where pg_has_role(current_user, r, 'USAGE')))),
    '[]') as policies,
  coalesce((select json_agg(json_build_object('name', k.conname,
       'target', json_build_object('oid', t.oid::int8::float8, 'schema', tn.nspname, 'name', t.relname),
       'index', k.conindid::int8::float8, 'columns', pairs.own, 'referenced', pairs.other,
       'keyed', exists (select from pg_index i where i.indrelid = t.oid and i.indisunique and i.indisvalid
                           and i.indimmediate and i.indpred is null and i.indnkeyatts = cardinality(pairs.numbers) + 1
                           and (i.indkey::int2[])[0:i.indnkeyatts - 1] @> (ra.attnum || pairs.numbers)),
       'onDelete', k.confdeltype, 'onUpdate', k.confupdtype,
       'deferrable', k.condeferrable, 'deferred', k.condeferred) order by k.conname)
     from pg_constraint k
     join pg_class t on t.oid = k.confrelid join pg_namespace tn on tn.oid = t.relnamespace
     join pg_attribute ra on ra.attrelid = k.confrelid and ra.attname = $2 and not ra.attisdropped
     cross join lateral (
       select coalesce(array_agg(ca.attname::text order by u.at), '{}') as own,
              coalesce(array_agg(fa.attname::text order by u.at), '{}') as other,
              coalesce(array_agg(u.other order by u.at), '{}') as numbers
         from unnest(k.conkey, k.confkey) with ordinality u(own, other, at)
         join pg_attribute ca on ca.attrelid = k.conrelid and ca.attnum = u.own
         join pg_attribute fa on fa.attrelid = k.confrelid and fa.attnum = u.other
        where u.own <> a.attnum and u.other <> ra.attnum) pairs
    where k.contype = 'f' and k.conrelid = c.oid and k.conparentid = 0 and a.attnum is not null
      and not exists (select from unnest(k.conkey, k.confkey) u(own, other)
                       where u.own = a.attnum and u.other = ra.attnum)), '[]') as "looseReferences",
  array(select k.confrelid::int8::float8 from pg_constraint k
         where k.contype = 'f' and k.conrelid = c.oid and k.confrelid <> c.oid) as references
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attname = $2 and not a.attisdropped and a.attnum > 0
where c.relkind in ('r', 'p', 'f') and n.nspname = any ($1) and ${usable} and ${reachable}
order by 2, 3`

/** A view shows what its query reads, however many views lie in between. $1: schemas, $2: the tenant column. */
export const viewSql = `
with recursive self as materialized (${self}), reads as (
  select r.ev_class as view, d.refobjid as relation
    from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
     and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
), reach as (
  select view, relation from reads
  union select reach.view, reads.relation from reach join reads on reads.view = reach.relation
)
select n.nspname::text as schema, c.relname::text as name, c.relkind = 'm' as materialised,
  pg_get_userbyid(c.relowner) = current_user
    or coalesce((select o.option_value::boolean from pg_options_to_table(c.reloptions) o
                  where o.option_name = 'security_invoker'), false) as invoker,
  pg_get_userbyid(c.relowner)::text as owner,
  ${grantees(tableAcl)} as grantees
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm') and n.nspname = any ($1) and ${usable} and ${reachable}
  and exists (select from reach join pg_attribute a on a.attrelid = reach.relation
               where reach.view = c.oid and a.attname = $2 and not a.attisdropped)
order by 1, 2`

/** $1: schemas. */
export const functionSql = `
with self as materialized (${self})
select f.oid::regprocedure::text as signature, n.nspname::text as schema, pg_get_userbyid(f.proowner)::text as owner,
  (r.rolsuper or r.rolbypassrls) as bypass,
  exists (select from unnest(f.proconfig) s where s like 'search\\_path=%') as pinned
from pg_proc f join pg_namespace n on n.oid = f.pronamespace join pg_roles r on r.oid = f.proowner
where f.prosecdef and n.nspname = any ($1) and ${usable} and f.prorettype <> 'trigger'::regtype
  and exists (select from self where has_function_privilege(self.oid, f.oid, 'EXECUTE'))
order by 1`

/** $1: schemas, $2: the tenant column. Rows of a partition are its parent's. */
export const unreachableSql = `
with self as materialized (${self})
select n.nspname || '.' || c.relname as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attname = $2 and not a.attisdropped
where c.relkind in ('r', 'p', 'f') and n.nspname = any ($1) and not (${usable} and ${reachable})
  and not exists (select from pg_inherits h join pg_attribute ha on ha.attrelid = h.inhparent
                   where h.inhrelid = c.oid and ha.attname = $2 and not ha.attisdropped)
order by 1`

/** How `pg_constraint` says what happens to rows that refer to one that goes (catalogue page of pg_constraint). */
export const referentialActions: Readonly<Record<string, string>> = {
  r: 'restrict',
  c: 'cascade',
  n: 'set null',
  d: 'set default',
}
