import { quoteIdentifier, quoteQualified } from '@tenantry/pg'
import { grantMembership } from '../privileges.ts'
import { type Check, grantedBy, grantee } from './check.ts'

/** What is wrong with the schemas and roles of tenants: who else reaches them, and what they can do besides. */
export const tenantChecks: readonly Check[] = [
  {
    sql: `select t.name as schema, a.privilege_type as privilege, ${grantee('a.grantee')} as grantee,
                 case when a.grantee = 0 or a.grantee in (select oid from roles) then 'error'
                      when a.grantee = (select oid from me) and (select has_roles from terms) then 'error'
                      else 'warning' end as severity
            from tenants t cross join aclexplode(t.acl) a
           where t.tenant <> '' and a.grantee <> t.owner
             and not (a.privilege_type = 'USAGE' and a.grantee in (select oid from roles where roles.tenant = t.tenant))
             and not (a.grantee = (select oid from me) and not (select has_roles from terms))`,
    finding: ({ schema = '', privilege = '', grantee = '', severity }) => ({
      ...{ id: 'S11', severity: severity === 'error' ? 'error' : 'warning', object: `schema ${schema}` },
      problem: `gives ${privilege} to ${grantee}, which is not its tenant.`,
      fix: `revoke ${privilege} on schema ${quoteIdentifier(schema)} from ${grantee}`,
    }),
  },
  {
    // Whoever may make schemas can write the comment too. The application's own login is another finding.
    sql: `select t.name as schema, quote_ident(pg_get_userbyid(t.owner)) as owner, maker.name as maker
            from tenants t join maker on t.owner <> maker.oid where t.tenant <> '' and t.owner <> (select oid from me)`,
    finding: ({ schema = '', owner = '', maker = '' }) => ({
      ...{ id: 'S11', severity: 'error', object: `schema ${schema}` },
      problem: `belongs to ${owner}, while those of other tenants belong to ${maker}: it may have been made, and marked as a tenant's, by somebody else.`,
      fix: `See who made it and what is in it. Drop it, or let ${maker} own it and all that is in it.`,
    }),
  },
  {
    sql: `select t.name as schema, c.relname as name, ${grantee('a.grantee')} as grantee
            from tenants t join pg_class c on c.relnamespace = t.oid cross join aclexplode(c.relacl) a
            left join roles r on r.oid = a.grantee
           where (select has_roles from terms) and a.grantee <> c.relowner
             and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
             and (a.grantee = 0 or a.grantee = (select oid from me) or r.tenant <> t.tenant and t.tenant <> '')
           group by 1, 2, 3`,
    finding: ({ schema = '', name = '', grantee = '' }) => ({
      ...{ id: 'S11', severity: 'error', object: `relation ${schema}.${name}` },
      problem: `gives privileges to ${grantee}, which is not its tenant.`,
      fix: `revoke all on ${quoteQualified(schema, name)} from ${grantee}`,
    }),
  },
  {
    // A sequence of a column goes with its table.
    sql: `select t.name as schema, c.relname as name, o.rolname as role, quote_ident(pg_get_userbyid(t.owner)) as owner,
                 case c.relkind when 'S' then 'usage, select on sequence' else 'select, insert, update, delete on' end as rights,
                 case when r.tenant = t.tenant then 'warning' else 'error' end as severity
            from tenants t join pg_class c on c.relnamespace = t.oid and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
            join pg_roles o on o.oid = c.relowner left join roles r on r.oid = o.oid
           where t.tenant <> '' and t.owner <> o.oid and (r.oid is not null or o.oid = (select oid from me) and (select has_roles from terms))
             and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and c.relkind = 'S'
                   and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i'))`,
    finding: ({ schema = '', name = '', role = '', owner = '', rights = '', severity }) => ({
      ...{ id: 'S11', severity: severity === 'error' ? 'error' : 'warning', object: `relation ${schema}.${name}` },
      problem: `belongs to ${role}, which can so change its structure and give it to others.`,
      // What the tenant had been granted became the owner's, and goes with that.
      fix: [
        `alter table ${quoteQualified(schema, name)} owner to ${owner}`,
        ...(severity === 'error'
          ? []
          : [`grant ${rights} ${quoteQualified(schema, name)} to ${quoteIdentifier(role)}`]),
      ].join('; '),
    }),
  },
  {
    sql: `select r.name as role, p.problem, p.attribute, p.severity
            from roles r cross join lateral (values
              (r.rolsuper, 'error', 'is a superuser, so that nothing is refused to it.', 'nosuperuser'),
              (r.rolbypassrls, 'warning', 'has BYPASSRLS, so that policies in the schema do not hold for it.', 'nobypassrls'),
              (r.rolcreaterole, 'error', 'has CREATEROLE, with which it can make itself more than it is.', 'nocreaterole'),
              (r.rolcreatedb, 'warning', 'has CREATEDB, which no tenant needs.', 'nocreatedb'),
              (r.rolcanlogin, 'warning', 'can log in, past the application.', 'nologin')
            ) p (holds, severity, problem, attribute) where p.holds`,
    finding: ({ role = '', problem = '', attribute = '', severity }) => ({
      ...{ id: 'S11', severity: severity === 'error' ? 'error' : 'warning', object: `role ${role}`, problem },
      fix: `alter role ${quoteIdentifier(role)} ${attribute}`,
    }),
  },
  {
    sql: `select r.name as role, g.rolname as granted, ${grantedBy('m')} as by
            from roles r join pg_auth_members m on m.member = r.oid join pg_roles g on g.oid = m.roleid`,
    finding: ({ role = '', granted = '', by = '' }) => ({
      ...{
        id: 'S11',
        severity: 'error',
        object: `role ${role}`,
        problem: `is a member of ${granted}, and so reaches what that may.`,
      },
      fix: `revoke ${quoteIdentifier(granted)} from ${quoteIdentifier(role)}${by}`,
    }),
  },
  {
    sql: `select t.name as schema, t.tenant from tenants t
           where t.tenant <> '' and (select has_roles from terms) and not exists (select from roles r where r.tenant = t.tenant)`,
    finding: ({ schema = '', tenant = '' }) => ({
      ...{
        id: 'S3',
        severity: 'warning',
        object: `schema ${schema}`,
        problem: `has no role, so that tenant "${tenant}" is not served.`,
      },
      fix: 'Provision the tenant again.',
    }),
  },
  {
    sql: `select r.name as role, me.rolname as login, current_setting('server_version_num') as version from roles r cross join me
           where (select has_roles from terms) and not me.rolsuper
             and not exists (select from pg_auth_members m where m.roleid = r.oid and m.member = me.oid)`,
    finding: ({ role = '', login = '', version }) => ({
      ...{
        id: 'S3',
        severity: 'warning',
        object: `role ${role}`,
        problem: `was not granted to ${login}, so that its tenant is not served.`,
      },
      fix: grantMembership(role, login, Number(version)),
    }),
  },
]
