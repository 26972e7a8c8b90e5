import { quoteIdentifier } from '@tenantry/pg'
import { type Check, grantedBy } from './check.ts'

/** Predefined roles that reach every tenant's data, or the files and programs of the server. */
const powerful = `'pg_read_all_data', 'pg_write_all_data', 'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files', 'pg_maintain'`

/** What is wrong with the login of the application. */
export const loginChecks: readonly Check[] = [
  {
    sql: `select me.rolname as name, p.problem, p.attribute
            from me cross join lateral (values
              (me.rolsuper, 'is a superuser, so that nothing is refused to it.', 'nosuperuser'),
              (me.rolcreaterole, 'has CREATEROLE, with which it can make itself more than it is.', 'nocreaterole'),
              (me.rolinherit and current_setting('server_version_num')::int < 160000 and (select has_roles from terms),
               'inherits, so that it has the privileges of every tenant without becoming one.', 'noinherit')
            ) p (holds, problem, attribute) where p.holds`,
    finding: ({ name = '', problem = '', attribute = '' }) => ({
      ...{ id: 'S11', severity: 'error', object: `role ${name}`, problem },
      fix: `alter role ${quoteIdentifier(name)} ${attribute}`,
    }),
  },
  {
    // to_jsonb: version 15 has no inherit_option, and says it of the role.
    sql: `select me.rolname as login, r.name as role, ${grantedBy('m')} as by
            from me join pg_auth_members m on m.member = me.oid join roles r on r.oid = m.roleid
           where (to_jsonb(m)->>'inherit_option')::boolean`,
    finding: ({ login = '', role = '', by = '' }) => ({
      ...{ id: 'S11', severity: 'error', object: `role ${role}` },
      problem: `is inherited by ${login}, which so has the tenant's privileges without becoming it.`,
      fix: `grant ${quoteIdentifier(role)} to ${quoteIdentifier(login)} with inherit false, set true${by}`,
    }),
  },
  {
    sql: `select me.rolname as login, g.rolname as role,
                 case when g.rolsuper then 'a superuser'
                      when g.rolname in (${powerful}) then 'a role that reaches the data of every tenant or the server itself'
                      else 'the owner of tenants'' schemas' end as what, ${grantedBy('m')} as by
            from me join pg_auth_members m on m.member = me.oid join pg_roles g on g.oid = m.roleid
           where (g.rolsuper or g.rolname in (${powerful}) or g.oid in (select owner from tenants where tenant <> ''))
             -- Of a tenant's role that is too much is said; the login must be a member of it.
             and g.oid not in (select oid from roles)`,
    finding: ({ login = '', role = '', what, by = '' }) => ({
      ...{ id: 'S11', severity: 'error', object: `role ${login}`, problem: `is a member of ${role}, ${what}.` },
      fix: `revoke ${quoteIdentifier(role)} from ${quoteIdentifier(login)}${by}`,
    }),
  },
  {
    sql: `select me.rolname as login, t.name as schema, coalesce(maker.name, '') as maker
            from me join tenants t on t.owner = me.oid and t.tenant <> '' left join maker on true`,
    finding: ({ login = '', schema = '', maker }) => ({
      ...{
        id: 'S11',
        severity: 'error',
        object: `schema ${schema}`,
        problem: `belongs to ${login}, the login of the application.`,
      },
      fix: maker
        ? `alter schema ${quoteIdentifier(schema)} owner to ${maker}`
        : 'Let the role of the provisioner own it.',
    }),
  },
  {
    sql: `select r.rolname as role, split_part(s.setting, '=', 1) as setting,
                 case d.setdatabase when 0 then '' else ' in database ' || quote_ident(current_database()) end as where
            from pg_db_role_setting d
            join pg_roles r on r.oid = d.setrole
            cross join unnest(d.setconfig) s (setting)
           where d.setdatabase in (0, (select oid from pg_database where datname = current_database()))
             and (r.oid = (select oid from me) or r.oid in (select oid from roles))
             and split_part(s.setting, '=', 1) in ('search_path', 'role', 'session_authorization', 'session_replication_role')`,
    finding: ({ role = '', setting = '', where = '' }) => ({
      ...{ id: 'S2', severity: setting === 'search_path' ? 'warning' : 'error', object: `role ${role}` },
      problem: `has ${setting} stored, with which its sessions start.`,
      fix: `alter role ${quoteIdentifier(role)}${where} reset ${setting}`,
    }),
  },
]
