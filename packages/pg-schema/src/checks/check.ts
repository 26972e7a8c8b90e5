import type { Finding } from '@tenantry/core'
import { roleMark, tenantOfMark } from '../mark.ts'

/** What the checks are told. */
export interface CheckTerms {
  /** The schema of the default tenant. */
  readonly defaultSchema: string | undefined
  /** The template, if tenants are cloned from one. */
  readonly template: string | undefined
  readonly extensions: readonly string[]
  /** Whether each tenant has a role. */
  readonly roles: boolean
}

/** One kind of unsafe configuration: a query, and what each of its rows means. */
export interface Check {
  /** Begins after {@link prelude}. */
  readonly sql: string
  finding(row: Readonly<Record<string, string>>, terms: CheckTerms): Finding
}

/**
 * What every check begins with. $1: the default tenant's schema, $2: the template, $3: schemas with extensions, $4: whether tenants have
 * roles. `tenants`: schemas with the digest of their tenant's id ('' for the default tenant's); `roles`: those of tenants of this database;
 * `me`: the login; `maker`: who owns tenants' schemas, as it is written in SQL; nobody where there are neither.
 */
export const prelude = `
with marked as materialized (
  select n.oid, n.nspname::text as name, n.nspowner as owner, n.nspacl as acl,
         case when n.nspname = $1::text then '' else ${tenantOfMark(`obj_description(n.oid, 'pg_namespace')`)} end as tenant
    from pg_namespace n
), tenants as materialized (
  select * from marked where tenant is not null
), roles as materialized (
  select r.oid, r.rolname::text as name, t.tenant, r.rolcanlogin, r.rolsuper, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb
    from pg_roles r cross join lateral (select shobj_description(r.oid, 'pg_authid')) m (mark)
    cross join lateral (select ${tenantOfMark('m.mark')}) t (tenant)
   where m.mark = ${roleMark('t.tenant')}
), me as (
  select * from pg_roles where rolname = session_user
), made (owner) as (
  select owner from tenants where tenant <> '' and owner <> (select oid from me)
), maker (oid, name) as materialized (
  -- The template's owner, unless others have made all tenants; else that of most, since one that was made by somebody else is alone.
  select o.oid, quote_ident(pg_get_userbyid(o.oid))
    from (select mode() within group (order by owner) from made) most (owner)
    left join (select owner from marked where name = $2::text and owner <> (select oid from me)) t (owner) on true
    cross join lateral (
      select case when t.owner in (select owner from made) then t.owner else coalesce(most.owner, t.owner) end) o (oid)
   where o.oid is not null
), terms (template, extensions, has_roles) as (
  values ($2::text, $3::text[], $4::boolean)
)`

/** A grantee of `aclexplode`, as it is written in REVOKE. */
export function grantee(column: string): string {
  return `case ${column} when 0 then 'public' else quote_ident(pg_get_userbyid(${column})) end`
}

/** SQL for the end of GRANT or REVOKE of a membership: since version 16 each grantor's is one of its own. */
export function grantedBy(membership: string): string {
  return `case when current_setting('server_version_num')::int >= 160000
    then ' granted by ' || quote_ident(pg_get_userbyid(${membership}.grantor)) else '' end`
}
