import type { Finding } from '@tenantry/core'
import type { Query } from '@tenantry/pg'
import pg from 'pg'

/** What is looked at on one server. */
export interface ServerTerms {
  readonly name: string
  readonly keyPrefix: string
  /** The role that makes the logins of tenants, if it is told. */
  readonly broker: string | undefined
  /** The template database, where tenants are copies of one. */
  readonly template: string | undefined
}

const markOf = (role: string) => `shobj_description(${role}.oid, 'pg_authid')`
const standing = (role: string) => `${markOf(role)} like '%"login":true%'`
const leased = `${markOf('r')} like '{"tenantry":"pg-database","lease":%'`

/** Owners of tenants' databases, by the mark that they were made with. Another deployment on the same server has another prefix. */
const owners = (prefix: string, role: string) =>
  `(${markOf(role)} like '{"tenantry":"pg-database","tenant":%' and not ${standing(role)} and starts_with(${role}.rolname, ${pg.escapeLiteral(prefix)}))`

interface Check {
  readonly id: string
  readonly severity: Finding['severity']
  /** Answers with `object`, `problem` and `fix`. */
  readonly sql: string
}

function checksOf({ keyPrefix, broker, template }: ServerTerms): readonly Check[] {
  const ofTenants = owners(keyPrefix, 'r')
  // Logins of these owners.
  const login = `(${leased} or ${standing('r')}) and exists (select from pg_auth_members m join pg_roles o on o.oid = m.roleid where m.member = r.oid and ${owners(keyPrefix, 'o')})`
  return [
    {
      ...{ id: 'D11', severity: 'error' },
      sql: `select 'role ' || rolname as object,
                 'makes tenants and has ' || concat_ws(', ', case when rolsuper then 'SUPERUSER' end, case when rolreplication then 'REPLICATION' end,
                   case when rolbypassrls then 'BYPASSRLS' end) || ', which it needs for nothing.' as problem,
                 format('alter role %I nosuperuser noreplication nobypassrls', rolname) as fix
            from pg_roles where rolname = current_user and (rolsuper or rolreplication or rolbypassrls)`,
    },
    {
      ...{ id: 'D11', severity: 'error' },
      sql: `select 'role ' || rolname as object, 'makes tenants and lacks ' || concat_ws(' and ', case when not rolcreatedb then 'CREATEDB' end,
                   case when not rolcreaterole then 'CREATEROLE' end) || '.' as problem,
                 format('alter role %I createdb createrole', rolname) as fix
            from pg_roles where rolname = current_user and not rolsuper and not (rolcreatedb and rolcreaterole)`,
    },
    {
      // D8, and the server's own default: PUBLIC may connect to every new database.
      ...{ id: 'D8', severity: 'error' },
      sql: `select 'database ' || d.datname as object, 'lets every login of the server connect.' as problem,
                 format('revoke all on database %I from public', d.datname) as fix
            from pg_database d join pg_roles r on r.oid = d.datdba
           where ${ofTenants} and d.datallowconn
             and exists (select from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a where a.grantee = 0)`,
    },
    {
      ...{ id: 'D8', severity: 'warning' },
      // The server lets everybody into the databases that it comes with, and into every new one. No tenant's data is there.
      sql: `select 'database ' || d.datname as object, 'lets every login of the server connect, those of tenants too.' as problem,
                   format('revoke connect on database %I from public', d.datname) as fix
              from pg_database d
             where d.datallowconn and not exists (select from pg_roles r where r.oid = d.datdba and ${ofTenants})
               and exists (select from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a where a.grantee = 0 and a.privilege_type = 'CONNECT')`,
    },
    {
      ...{ id: 'D11', severity: 'error' },
      sql: `select 'role ' || r.rolname as object, 'owns the database of a tenant and is more than an owner: ' || concat_ws(', ', case when rolcanlogin then 'LOGIN' end,
                   case when rolsuper then 'SUPERUSER' end, case when rolcreatedb then 'CREATEDB' end, case when rolcreaterole then 'CREATEROLE' end,
                   case when rolbypassrls then 'BYPASSRLS' end, case when rolreplication then 'REPLICATION' end) || '.' as problem,
                 format('alter role %I nologin nosuperuser nocreatedb nocreaterole nobypassrls noreplication', r.rolname) as fix
            from pg_roles r where ${ofTenants}
             and (rolcanlogin or rolsuper or rolcreatedb or rolcreaterole or rolbypassrls or rolreplication)`,
    },
    {
      // Who can become the owner of a tenant's database, beside its logins and those who made it.
      ...{ id: 'D11', severity: 'error' },
      sql: `select 'role ' || member.rolname as object, 'has the privileges of the tenant''s role ' || r.rolname || '.' as problem,
                 format('revoke %I from %I', r.rolname, member.rolname) as fix
            from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles member on member.oid = m.member
           where ${ofTenants} and member.rolname <> current_user ${broker === undefined ? '' : `and ${pg.escapeLiteral(broker)} not in (member.rolname, pg_get_userbyid(m.grantor))`}
             and coalesce(shobj_description(member.oid, 'pg_authid'), '') not like '{"tenantry":"pg-database",%'`,
    },
    {
      // A login of a tenant that is a member of anything but its owner.
      ...{ id: 'D11', severity: 'error' },
      sql: `select 'role ' || r.rolname as object, 'is a login of a tenant and has the privileges of ' || other.rolname || '.' as problem,
                 format('revoke %I from %I', other.rolname, r.rolname) as fix
            from pg_roles r join pg_auth_members m on m.member = r.oid join pg_roles other on other.oid = m.roleid
           where ${login}
             and (shobj_description(other.oid, 'pg_authid')::json->>'tenant') is distinct from (shobj_description(r.oid, 'pg_authid')::json->>'tenant')`,
    },
    {
      ...{ id: 'D4', severity: 'warning' },
      sql: `select 'role ' || r.rolname as object, 'is a lease that has ended and is still there.' as problem,
                 'See why the sweep of leases does not drop it.' as fix
            from pg_roles r where ${login} and ${leased} and r.rolvaliduntil < now() - interval '10 minutes'`,
    },
    {
      ...{ id: 'D3', severity: 'error' },
      sql: `select 'role ' || r.rolname as object, 'is a lease without an end.' as problem,
                 format('alter role %I valid until %L', r.rolname, now()) as fix
            from pg_roles r where ${login} and ${leased} and (r.rolvaliduntil is null or r.rolvaliduntil = 'infinity')`,
    },
    ...(template === undefined
      ? []
      : [
          {
            ...{ id: 'D8', severity: 'error' as const },
            sql: `select 'database ' || datname as object, 'is the template of tenants and takes connections: what somebody changes in it every new tenant has.' as problem,
                       format('alter database %I with is_template true allow_connections false', datname) as fix
                  from pg_database where datname = ${pg.escapeLiteral(template)} and datallowconn`,
          },
        ]),
  ]
}

/** What is unsafe on a server, as its provisioner sees it. */
export async function serverFindings(query: Query, terms: ServerTerms): Promise<readonly Finding[]> {
  const found: Finding[] = []
  for (const { id, severity, sql } of checksOf(terms)) {
    const { rows } = await query<Pick<Finding, 'object' | 'problem' | 'fix'>>(sql)
    found.push(...rows.map(row => ({ id, severity, ...row, object: `${row.object} on server ${terms.name}` })))
  }
  return found
}
