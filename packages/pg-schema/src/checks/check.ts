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
 * roles. `tenants`: schemas with the id of their tenant ('' for the default tenant's); `roles`: those of tenants of this database;
 * `me`: the login.
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
), terms (template, extensions, has_roles) as (
  values ($2::text, $3::text[], $4::boolean)
)`

/** A grantee of `aclexplode`, as it is written in REVOKE. */
export function grantee(column: string): string {
  return `case ${column} when 0 then 'public' else quote_ident(pg_get_userbyid(${column})) end`
}
