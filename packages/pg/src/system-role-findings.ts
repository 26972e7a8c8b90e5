import type { Finding } from '@tenantry/core'
import { quoteIdentifier } from './identifier.ts'
import type { Query } from './query.ts'

/**
 * What is unsafe about the role that looks across tenants: it must be less than a superuser, and out of reach of those that serve tenants.
 *
 * @param tenantRoles - with whom the pools of tenants log in.
 */
export async function systemRoleFindings(query: Query, tenantRoles: readonly string[]): Promise<readonly Finding[]> {
  const { rows: own } = await query(`
    select session_user::text as name, exists (
      select from pg_roles where rolsuper and pg_has_role(session_user, oid, 'member')
    ) as superuser`)
  const name = String(own[0]?.name)
  const object = `role ${name}`
  const findings: Finding[] = []
  if (own[0]?.superuser !== false) {
    const problem = 'is a superuser, or a member of one: what goes wrong with it, nothing stops.'
    const fix = `Log in as a role of its own: create role tenantry_system login nosuperuser bypassrls`
    findings.push({ id: 'R2', severity: 'error', object, problem, fix })
  }
  const { rows: reaching } = await query(
    `select rolname::text as name from pg_roles
      where rolname = any($1) and (rolname = session_user or pg_has_role(rolname, session_user, 'member'))
      order by rolname`,
    [[...new Set(tenantRoles)]],
  )
  for (const { name: tenantRole } of reaching) {
    const same = tenantRole === name
    findings.push({
      id: 'P12',
      severity: 'error',
      object,
      problem: same
        ? 'serves tenants as well, so that their statements may look across tenants.'
        : `can be assumed by ${tenantRole}, which serves tenants.`,
      fix: same
        ? 'Log in as a role of its own, whose password the servers of tenants do not use for tenants.'
        : `revoke ${quoteIdentifier(name)} from ${quoteIdentifier(String(tenantRole))}`,
    })
  }
  return findings
}
