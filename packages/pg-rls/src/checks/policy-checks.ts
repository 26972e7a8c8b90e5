import type { Finding } from '@tenantry/core'
import type { Catalog, PolicyFacts, TableFacts } from '../catalog.ts'

/** What is wrong with the policies of the tables that have a tenant column. */
export function policyChecks({ tables }: Catalog, setting: string, shared: ReadonlySet<string>): Finding[] {
  return tables
    .filter(table => table.columnType !== null && table.kind !== 'f' && !shared.has(`${table.schema}.${table.name}`))
    .flatMap(table => policyFindings(table, setting))
}

function policyFindings(table: TableFacts, setting: string): Finding[] {
  const findings: Finding[] = []
  function add(id: string, severity: Finding['severity'], problem: string, fix: string): void {
    findings.push({ id, severity, object: `table ${table.schema}.${table.name}`, problem, fix })
  }
  const again = `protectTable(${JSON.stringify(table.name)}) in a migration`

  const tenant = table.policies.filter(
    policy => !policy.permissive && policy.command === '*' && mentions(policy, setting),
  )
  if (tenant.length === 0) {
    const permissive = table.policies.some(policy => policy.permissive && mentions(policy, setting))
    const problem = permissive
      ? 'keeps tenants apart by a permissive policy only, which any further permissive policy opens.'
      : `has no restrictive policy for all commands that compares with the setting ${setting}.`
    add(permissive ? 'R8' : 'R6', 'error', problem, again)
  }
  for (const policy of tenant) {
    if (policy.check !== null && policy.check !== policy.using) {
      const problem = `lets the policy ${policy.name} write what it does not let read: WITH CHECK is not the same as USING.`
      add('R7', 'error', problem, again)
    }
    if (!policy.using?.includes('NULLIF')) {
      const problem = `has the policy ${policy.name} without nullif(…, ''): after a transaction the setting reads '' and not null.`
      add('R9', 'error', problem, again)
    }
  }
  if (!table.policies.some(policy => policy.permissive)) {
    add('R8', 'warning', 'has no permissive policy, so that nobody sees anything.', again)
  }
  for (const policy of table.policies) {
    for (const name of policy.immutable) {
      const problem = `has the policy ${policy.name} with the IMMUTABLE function ${name}, whose first result may be kept for other tenants.`
      add('R14', 'error', problem, `alter function ${name} stable`)
    }
  }
  return findings
}

function mentions(policy: PolicyFacts, setting: string): boolean {
  // As pg_get_expr prints it: current_setting('tenantry.tenant_id'::text, true)
  return policy.using?.includes(`current_setting('${setting}'::text`) === true
}
