import { quoteIdentifier } from '@tenantry/pg'
import { type Check, grantee } from './check.ts'

/** What is wrong with what tenants share: functions, schemas with extensions, the template. */
export const sharedChecks: readonly Check[] = [
  {
    // Whoever calls it decides by the path what its names mean, and it has the rights of its owner.
    sql: `select p.oid::regprocedure::text as function, quote_ident(n.nspname) as schema, r.rolname as owner
            from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_roles r on r.oid = p.proowner
           where p.prosecdef and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
             and not exists (select from unnest(p.proconfig) c where c like 'search_path=%')
             and (n.oid in (select oid from tenants) or n.nspname = (select template from terms)
                  or exists (select from aclexplode(n.nspacl) a where a.privilege_type = 'USAGE'
                              and (a.grantee = 0 or a.grantee in (select oid from roles) or a.grantee = (select oid from me))))`,
    finding: ({ function: name = '', schema = '', owner }) => ({
      ...{ id: 'S9', severity: 'error', object: `function ${name}` },
      problem: `is SECURITY DEFINER without a search_path of its own: its caller decides what the names in it mean, and it works as ${owner}.`,
      fix: `alter routine ${name} set search_path = ${schema}, pg_temp`,
    }),
  },
  {
    // A name in quotes is as it is, any other in lower case. Names are compared, not patterns: there are as many paths as tenants.
    sql: `select distinct p.oid::regprocedure::text as function, quote_ident(t.name) as schema, o.name as other
            from pg_proc p join tenants t on t.oid = p.pronamespace
            cross join unnest(p.proconfig) c
            cross join regexp_matches(substr(c, length('search_path=') + 1), '"((?:[^"]|"")*)"|([^,"[:space:]]+)', 'g') m
            join tenants o on o.name = coalesce(replace(m[1], '""', '"'), lower(m[2])) and o.oid <> t.oid
           where starts_with(c, 'search_path=')`,
    finding: ({ function: name = '', schema = '', other = '' }) => ({
      ...{ id: 'S9', severity: 'error', object: `function ${name}` },
      problem: `works in the schema ${other}, which is another tenant's.`,
      fix: `alter routine ${name} set search_path = ${schema}, pg_temp`,
    }),
  },
  {
    sql: `select n.nspname as schema, ${grantee('a.grantee')} as grantee
            from pg_namespace n cross join aclexplode(n.nspacl) a
           where n.nspname = any ((select extensions from terms)::text[]) and a.privilege_type = 'CREATE' and a.grantee <> n.nspowner
             and (a.grantee = 0 or a.grantee = (select oid from me) or a.grantee in (select oid from roles))`,
    finding: ({ schema = '', grantee = '' }) => ({
      ...{ id: 'S10', severity: 'error', object: `schema ${schema}` },
      problem: `lets ${grantee} make objects that every tenant calls.`,
      fix: `revoke create on schema ${quoteIdentifier(schema)} from ${grantee}`,
    }),
  },
  {
    sql: `select e.name as schema from unnest((select extensions from terms)::text[]) e (name)
           where not exists (select from pg_namespace n where n.nspname = e.name)`,
    finding: ({ schema = '' }) => ({
      ...{
        id: 'S10',
        severity: 'warning',
        object: `schema ${schema}`,
        problem: 'stands in the option "extensions", and does not exist.',
      },
      fix: `create schema ${quoteIdentifier(schema)}; grant usage on schema ${quoteIdentifier(schema)} to public`,
    }),
  },
  {
    sql: `select n.nspname as schema, r.name as role from pg_namespace n cross join roles r
           where n.nspname = any ((select extensions from terms)::text[]) and not has_schema_privilege(r.oid, n.oid, 'USAGE')`,
    finding: ({ schema = '', role = '' }) => ({
      ...{
        id: 'S10',
        severity: 'warning',
        object: `schema ${schema}`,
        problem: `may not be used by ${role}, which has it in its path.`,
      },
      fix: `grant usage on schema ${quoteIdentifier(schema)} to public`,
    }),
  },
  {
    sql: `select x.extname as extension, t.name as schema from pg_extension x
            join (select oid, name from tenants where tenant <> '' union select oid, nspname from pg_namespace where nspname = (select template from terms)) t
              on t.oid = x.extnamespace`,
    finding: ({ extension = '', schema = '' }, { extensions: [shared] }) => ({
      ...{ id: 'S10', severity: 'warning', object: `extension ${extension}` },
      problem: `stands in the schema ${schema}: it is there once, and goes with that schema.`,
      fix:
        shared === undefined
          ? 'Move it into a schema of its own, and name that in the option "extensions".'
          : `alter extension ${quoteIdentifier(extension)} set schema ${quoteIdentifier(shared)}`,
    }),
  },
  {
    sql: `select ${grantee('a.grantee')} as grantee, n.nspname as schema
            from pg_namespace n cross join aclexplode(n.nspacl) a
           where n.nspname in ((select template from terms), $1::text) and a.privilege_type = 'CREATE'
             and (a.grantee = 0 or a.grantee = (select oid from me) or a.grantee in (select oid from roles))`,
    finding: ({ schema = '', grantee = '' }) => ({
      ...{ id: 'S10', severity: 'error', object: `schema ${schema}` },
      problem: `lets ${grantee} make objects in it, which others come to call.`,
      fix: `revoke create on schema ${quoteIdentifier(schema)} from ${grantee}`,
    }),
  },
]
