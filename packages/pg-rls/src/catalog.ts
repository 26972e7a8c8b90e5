import type pg from 'pg'

/** The role that the pool connects as, and what it can become. */
export interface RoleFacts {
  readonly name: string
  readonly bypass: readonly string[]
  readonly temporary: boolean
  readonly creates: readonly string[]
}

/** A table, partitioned table or foreign table that the role can reach. */
export interface TableFacts {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly kind: string
  readonly owner: string
  /** Whether the role is, or can become, the owner. */
  readonly owned: boolean
  readonly rowSecurity: boolean
  readonly forced: boolean
  /** The tenant column's type; null where there is none. */
  readonly columnType: string | null
  readonly notNull: boolean
  readonly hasDefault: boolean
  readonly indexed: boolean
  readonly truncate: boolean
  readonly deletes: boolean
  readonly dangerous: readonly string[]
  /** Unique indexes without the tenant column. */
  readonly uniqueWithout: readonly string[]
  readonly policies: readonly PolicyFacts[]
  /** Foreign keys to tables with a tenant column that leave the column out. */
  readonly looseReferences: readonly string[]
  /** Tables that rows of this one refer to. */
  readonly references: readonly number[]
}

/** A row-security policy that applies to the role. */
export interface PolicyFacts {
  readonly name: string
  readonly permissive: boolean
  readonly command: string
  readonly using: string | null
  readonly check: string | null
  /** Functions in it that are marked IMMUTABLE. */
  readonly immutable: readonly string[]
}

/** A view or materialised view that the role can read and that shows rows of a tenant table. */
export interface ViewFacts {
  readonly schema: string
  readonly name: string
  readonly materialised: boolean
  readonly invoker: boolean
  readonly owner: string
}

/** A SECURITY DEFINER function that the role can call. */
export interface FunctionFacts {
  readonly signature: string
  readonly owner: string
  readonly bypass: boolean
  readonly pinned: boolean
}

/** What the server's catalogue says of everything that the role can reach. */
export interface Catalog {
  readonly role: RoleFacts
  readonly tables: readonly TableFacts[]
  readonly views: readonly ViewFacts[]
  readonly functions: readonly FunctionFacts[]
}

/** Reads the catalogue as the role of the pool. `schemas` are the ones that hold the application's objects. */
export async function readCatalog(pool: pg.Pool, schemas: readonly string[], column: string): Promise<Catalog> {
  const [role, tables, views, functions] = await Promise.all([
    pool.query<RoleFacts>(roleSql, [schemas]),
    pool.query<TableFacts>(tableSql, [schemas, column]),
    pool.query<ViewFacts>(viewSql, [schemas, column]),
    pool.query<FunctionFacts>(functionSql, [schemas]),
  ])
  return { role: role.rows[0] as RoleFacts, tables: tables.rows, views: views.rows, functions: functions.rows }
}

const roleSql = `
select current_user::text as name,
  array(select r.rolname::text from pg_roles r
         where (r.rolsuper or r.rolbypassrls)
           and (pg_has_role(current_user, r.oid, 'MEMBER') or pg_has_role(session_user, r.oid, 'MEMBER'))
         order by (r.rolname = current_user) desc, r.rolname limit 5) as bypass,
  has_database_privilege(current_database(), 'TEMPORARY') as temporary,
  array(select n.nspname::text from pg_namespace n
         where n.nspname = any ($1) and has_schema_privilege(n.oid, 'CREATE') order by 1) as creates`

const tableSql = `
select c.oid::int8::int as oid, n.nspname::text as schema, c.relname::text as name, c.relkind::text as kind,
  pg_get_userbyid(c.relowner)::text as owner,
  pg_has_role(current_user, c.relowner, 'MEMBER') as owned,
  c.relrowsecurity as "rowSecurity", c.relforcerowsecurity as forced,
  format_type(a.atttypid, a.atttypmod) as "columnType",
  coalesce(a.attnotnull, false) as "notNull", coalesce(a.atthasdef, false) as "hasDefault",
  exists (select from pg_index i where i.indrelid = c.oid and i.indkey[0] = a.attnum and i.indisvalid) as indexed,
  has_table_privilege(c.oid, 'TRUNCATE') as truncate,
  has_table_privilege(c.oid, 'DELETE') as deletes,
  array(select p from unnest(array['REFERENCES', 'TRIGGER']) p where has_table_privilege(c.oid, p)) as dangerous,
  array(select i.indexrelid::regclass::text from pg_index i
         where i.indrelid = c.oid and i.indisunique and a.attnum is not null and not (a.attnum = any (i.indkey::int2[]))
         order by 1) as "uniqueWithout",
  coalesce((select json_agg(json_build_object(
       'name', p.polname, 'permissive', p.polpermissive, 'command', p.polcmd,
       'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid),
       'immutable', array(select f.oid::regprocedure::text from pg_depend d join pg_proc f on f.oid = d.refobjid
                           where d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_proc'::regclass
                             and f.provolatile = 'i')) order by p.polname)
     from pg_policy p where p.polrelid = c.oid
      and (p.polroles = '{0}' or exists (select from unnest(p.polroles) r where pg_has_role(current_user, r, 'USAGE')))),
    '[]') as policies,
  array(select k.conname::text from pg_constraint k
         join pg_attribute ra on ra.attrelid = k.confrelid and ra.attname = $2 and not ra.attisdropped
         where k.contype = 'f' and k.conrelid = c.oid and a.attnum is not null
           and not (a.attnum = any (k.conkey) and ra.attnum = any (k.confkey)) order by 1) as "looseReferences",
  array(select k.confrelid::int8::int from pg_constraint k
         where k.contype = 'f' and k.conrelid = c.oid and k.confrelid <> c.oid) as references
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attname = $2 and not a.attisdropped and a.attnum > 0
where c.relkind in ('r', 'p', 'f') and n.nspname = any ($1) and has_schema_privilege(n.oid, 'USAGE')
  and (has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE') or has_table_privilege(c.oid, 'DELETE, TRUNCATE'))
order by 2, 3`

// A view shows what its query reads, however many views lie in between.
const viewSql = `
with recursive reads as (
  select r.ev_class as view, d.refobjid as relation
    from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
     and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
), reach as (
  select view, relation from reads
  union select reach.view, reads.relation from reach join reads on reads.view = reach.relation
)
select n.nspname::text as schema, c.relname::text as name, c.relkind = 'm' as materialised,
  coalesce((select o.option_value::boolean from pg_options_to_table(c.reloptions) o
             where o.option_name = 'security_invoker'), false) as invoker,
  pg_get_userbyid(c.relowner)::text as owner
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm') and n.nspname = any ($1) and has_schema_privilege(n.oid, 'USAGE')
  and (has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE') or has_table_privilege(c.oid, 'DELETE'))
  and exists (select from reach join pg_attribute a on a.attrelid = reach.relation
               where reach.view = c.oid and a.attname = $2 and not a.attisdropped)
order by 1, 2`

const functionSql = `
select f.oid::regprocedure::text as signature, pg_get_userbyid(f.proowner)::text as owner,
  (r.rolsuper or r.rolbypassrls) as bypass,
  exists (select from unnest(f.proconfig) s where s like 'search_path=%') as pinned
from pg_proc f join pg_namespace n on n.oid = f.pronamespace join pg_roles r on r.oid = f.proowner
where f.prosecdef and n.nspname = any ($1) and has_schema_privilege(n.oid, 'USAGE')
  and has_function_privilege(f.oid, 'EXECUTE') and f.prorettype <> 'trigger'::regtype
order by 1`
