import { migrationTable } from '../migrations.ts'

/** What the runtime role may do; what stands nowhere it may not. The guards write names, the chain and the head for it. */
export const runtimeGrants: Readonly<Record<string, string>> = {
  registry_meta: 'select',
  registry_moves: 'select',
  registry_tenants: 'select, insert, update, delete',
  registry_domains: 'select, insert, update, delete',
  registry_identities: 'select, insert, delete',
  registry_members: 'select, insert, update, delete',
  registry_api_keys: 'select, insert, update',
  registry_placements: 'select, insert, update, delete',
  registry_names: 'select',
  registry_secrets: 'select, insert, update, delete',
  registry_operations: 'select, insert, update',
  registry_steps: 'select, insert, update',
  registry_audit: 'select, insert (action, actor, tenant, reason, details)',
  registry_audit_head: 'select',
  registry_enrolment_pools: 'select, insert, update',
  registry_enrolment_tokens: 'select, insert, update',
  registry_enrolment_redemptions: 'select, insert, update',
  [migrationTable]: 'select',
}

const auditorGrants: typeof runtimeGrants = { registry_audit: 'select', registry_audit_head: 'select' }

/** All three quoted. What an earlier version had granted is taken back. */
export function grantsSql(s: string, role: string, auditor?: string): string {
  const grant = (to: string, grants: typeof runtimeGrants) =>
    [
      `grant usage on schema ${s} to ${to};`,
      ...Object.entries(grants).map(([table, what]) => `grant ${what} on ${s}.${table} to ${to};`),
    ].join('\n')
  return `
revoke all on schema ${s} from public;
revoke all on ${Object.keys(runtimeGrants)
    .map(table => `${s}.${table}`)
    .join(', ')} from public, ${role}${auditor === undefined ? '' : `, ${auditor}`};
${grant(role, runtimeGrants)}
${auditor === undefined ? '' : grant(auditor, auditorGrants)}`
}
