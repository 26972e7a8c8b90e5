import type { Finding } from '@tenantry/core'
import { inTransaction } from '@tenantry/pg'
import type pg from 'pg'
import { attributesOf } from '../leases/owner-powers.ts'

/**
 * What the checks begin with. `reach`: the login and whatever it can become; `relations`: those that are nobody's but the
 * application's, with schemas that can be used; `granted`: what of them was given to the reach, or to all.
 */
const prelude = `
with reach as materialized (
  select * from pg_roles where pg_has_role(session_user, oid, 'MEMBER')
), schemas as materialized (
  select * from pg_namespace n where nspname !~ '^pg_' and nspname <> 'information_schema'
), relations as materialized (
  select c.oid, format('%I.%I', n.nspname, c.relname) as name, c.relname, c.relacl, c.relowner,
         case c.relkind when 'S' then 'sequence' else 'table' end as kind
    from pg_class c join schemas n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
     and exists (select from reach where has_schema_privilege(reach.oid, n.oid, 'USAGE'))
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
), granted as materialized (
  select r.oid, r.name, r.relname, r.kind, a.privilege_type as privilege, case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as grantee
    from (select oid, name, relname, kind, relowner, relacl as acl from relations
          union all select r.oid, r.name, r.relname, r.kind, r.relowner, attacl from relations r join pg_attribute on attrelid = r.oid
           where attacl is not null and not attisdropped) r
   cross join aclexplode(r.acl) a
   where (a.grantee = 0 or a.grantee in (select oid from reach)) and a.grantee <> r.relowner
)`

interface Check {
  readonly id: string
  readonly severity: Finding['severity']
  /** Answers with `object`, `problem` and `fix`. */
  readonly sql: string
}

const superuser: Check = {
  ...{ id: 'S04', severity: 'error' },
  sql: `select 'role ' || rolname as object, 'is a superuser, so that nothing is refused to it.' as problem,
               'Log in as a role that may only read the shared tables.' as fix
          from reach where rolsuper order by rolname = session_user desc, 1 limit 1`,
}

const checks: readonly Check[] = [
  {
    ...{ id: 'S04', severity: 'error' },
    sql: `select 'role ' || r.rolname as object, 'reads shared tables and has ' || array_to_string(powers, ', ') || ', which it needs for nothing.' as problem,
                 format('alter role %I nocreatedb nocreaterole nobypassrls noreplication', r.rolname) as fix
            from reach r cross join lateral (select ${attributesOf} || array_remove(array[case when r.rolcreaterole then 'CREATEROLE' end], null)) p (powers)
           where powers <> '{}'`,
  },
  {
    // They read all data, write all data, or files of the server; the members of one are implied by what they own.
    ...{ id: 'S04', severity: 'error' },
    sql: `select 'role ' || session_user as object, 'has what ' || rolname || ' may.' as problem,
                 case rolname when 'pg_database_owner' then 'Give the database to another role.' else format('revoke %I from %I', rolname, session_user) end as fix
            from reach where rolname ~ '^pg_'`,
  },
  {
    ...{ id: 'S04', severity: 'error' },
    sql: `select kind || ' ' || name as object, 'belongs to ' || pg_get_userbyid(relowner) || ', as which tenants read: it can change what all of them see.' as problem,
                 format('Let another role own it: alter %s %s owner to …', kind, name) as fix
            from relations where relowner in (select oid from reach)
          union all
          select 'schema ' || nspname, 'belongs to ' || pg_get_userbyid(nspowner) || ', as which tenants read.', format('Let another role own it: alter schema %I owner to …', nspname)
            from schemas where nspowner in (select oid from reach)`,
  },
  {
    ...{ id: 'S04', severity: 'error' },
    sql: `select kind || ' ' || name as object, 'can be written to by ' || grantee || ' (' || string_agg(distinct privilege, ', ') || '): what one tenant writes all read.' as problem,
                 format('revoke %s on %s %s from %s', lower(string_agg(distinct privilege, ', ')), kind, name, grantee) as fix
            from granted where privilege in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER') or (kind = 'sequence' and privilege = 'USAGE')
           group by kind, name, grantee`,
  },
  {
    ...{ id: 'S04', severity: 'error' },
    sql: `select 'schema ' || n.nspname as object, 'lets ' || r.rolname || ' make objects in it, which all tenants come to read or call.' as problem,
                 format('revoke create on schema %I from public, %I', n.nspname, r.rolname) as fix
            from schemas n cross join reach r where r.oid <> n.nspowner and has_schema_privilege(r.oid, n.oid, 'CREATE')
          union all
          select 'database ' || d.datname, 'lets ' || r.rolname || ' make schemas in it.', format('revoke create on database %I from public, %I', d.datname, r.rolname)
            from pg_database d cross join reach r where d.datname = current_database() and r.oid <> d.datdba and has_database_privilege(r.oid, d.oid, 'CREATE')`,
  },
  {
    // The catalogue of tenants is the control plane's (S03).
    ...{ id: 'S03', severity: 'error' },
    sql: `select 'table ' || name as object, 'is the registry''s, and ' || grantee || ' reads it: each tenant would see all the others.' as problem,
                 format('revoke select on %s from %s', name, grantee) as fix
            from granted where kind = 'table' and privilege = 'SELECT' and starts_with(relname, 'registry_') group by name, grantee`,
  },
  {
    // Both read with the rights of their owner. Whether they show what they must not is for people to see.
    ...{ id: 'S03', severity: 'warning' },
    sql: `select 'view ' || g.name as object, 'is made of ' || string_agg(distinct t.relname, ', ') || ': what it shows of the registry every tenant sees.' as problem,
                 'See that it shows no tenant to another; else: revoke select on ' || g.name || ' from ' || g.grantee as fix
            from granted g join pg_rewrite w on w.ev_class = g.oid
            join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
            join pg_class t on t.oid = d.refobjid and t.oid <> g.oid
           where g.privilege = 'SELECT' and starts_with(t.relname, 'registry_') group by g.name, g.grantee
          union all
          select 'function ' || p.oid::regprocedure, 'works as ' || pg_get_userbyid(p.proowner) || ', who reads the registry.',
                 format('See that it shows no tenant to another; else: revoke execute on routine %s from public', p.oid::regprocedure)
            from pg_proc p join schemas n on n.oid = p.pronamespace
           where p.prosecdef and has_function_privilege(session_user, p.oid, 'EXECUTE')
             and exists (select from pg_class t where starts_with(t.relname, 'registry_') and t.relkind in ('r', 'p') and has_any_column_privilege(p.proowner, t.oid, 'SELECT'))`,
  },
  {
    ...{ id: 'S04', severity: 'error' },
    sql: `select 'table ' || name as object, 'is not named shared_… and can be read by ' || grantee || ', in the context of any tenant.' as problem,
                 format('If every tenant may read it, name it so; else: revoke select on %s from %s', name, grantee) as fix
            from granted where kind = 'table' and privilege = 'SELECT' and not starts_with(relname, 'shared_') and not starts_with(relname, 'registry_')
           group by name, grantee`,
  },
  {
    // Since version 16 a read-only transaction does not write them (release notes, "Migration to Version 16").
    ...{ id: 'S04', severity: 'warning' },
    sql: `select 'role ' || session_user as object, 'can make large objects, also in a transaction that is read-only: before version 16 the server does not mind.' as problem,
                 'As a superuser, in this database: ' || string_agg(format('revoke execute on function %s from public', p.oid::regprocedure), '; ' order by p.oid) as fix
            from pg_proc p where current_setting('server_version_num')::int < 160000
             and p.pronamespace = 'pg_catalog'::regnamespace and p.proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_open', 'lo_put', 'lo_unlink')
             and has_function_privilege(session_user, p.oid, 'EXECUTE') having count(*) > 0`,
  },
]

/** What the login of a pool can do beyond reading shared tables. It needs no privileges to be asked. */
export async function sharedFindings(pool: pg.Pool): Promise<readonly Finding[]> {
  return inTransaction(pool, async query => {
    async function look({ id, severity, sql }: Check): Promise<readonly Finding[]> {
      const text = `${prelude} select * from (${sql}) found order by object collate "C", problem collate "C"`
      const { rows } = await query<Pick<Finding, 'object' | 'problem' | 'fix'>>(text)
      return rows.map(row => ({ id, severity, ...row }))
    }
    // To a superuser everything is granted; the rest would only say so.
    const first = await look(superuser)
    if (first.length > 0) return first
    const findings: Finding[] = []
    for (const check of checks) findings.push(...(await look(check)))
    return findings
  })
}
