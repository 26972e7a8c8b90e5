import type { Finding } from '@tenantry/core'
import { quoteIdentifier, quoteQualified } from '@tenantry/pg'
import type { Catalog, PolicyFacts, TableFacts } from '../catalog.ts'
import { gatePolicy, policies, tenantExpression, tenantPolicy, verifiedTenant } from '../protect-table.ts'
import { comparesTenant, type TenantComparison } from './tenant-comparison.ts'

/** What the checks of a policy need to know beside the table. */
export interface PolicyTerms extends TenantComparison {
  /** Tables without tenants on purpose, as `schema.name`. */
  readonly shared: ReadonlySet<string>
}

/** What is wrong with the policies of the tables that have a tenant column. */
export function policyChecks({ tables }: Catalog, terms: PolicyTerms): Finding[] {
  return tables
    .filter(
      table => table.columnType !== null && table.kind !== 'f' && !terms.shared.has(`${table.schema}.${table.name}`),
    )
    .flatMap(table => policyFindings(table, terms))
}

function policyFindings(table: TableFacts, terms: PolicyTerms): Finding[] {
  const findings: Finding[] = []
  const target = quoteQualified(table.schema, table.name)
  function add(id: string, severity: Finding['severity'], problem: string, fix: string): void {
    findings.push({ id, severity, object: `table ${table.schema}.${table.name}`, problem, fix })
  }
  function again(name: string): string {
    const type = table.columnType ?? 'text'
    const tenant =
      terms.verifier === undefined ? tenantExpression(terms.setting, type) : verifiedTenant(type, terms.verifier)
    const policy = quoteIdentifier(name)
    return `drop policy if exists ${policy} on ${target}; ${tenantPolicy(policy, target, quoteIdentifier(terms.column), tenant)}`
  }

  const restrictive = table.policies.filter(policy => !policy.permissive && policy.command === '*')
  const tenant = restrictive.filter(policy => comparesTenant(policy.using, terms) !== 'no')
  // Restrictive policies are AND-ed: one that is sound is enough, whatever the others say.
  if (!tenant.some(policy => isSound(policy, terms))) {
    for (const policy of tenant) {
      if (!isCheckSound(policy, terms)) {
        const problem = `lets the policy ${policy.name} write what it does not let read: WITH CHECK is not the same as USING.`
        add('R7', 'error', problem, again(policy.name))
      }
      if (comparesTenant(policy.using, terms) === 'unguarded') {
        const problem = `has the policy ${policy.name} without nullif(…, ''): after a transaction the setting reads '' and not null.`
        add('R9', 'error', problem, again(policy.name))
      }
    }
  }
  if (tenant.length === 0) add(...withoutTenantPolicy(table, restrictive, terms), again(policies.tenant))
  if (!table.policies.some(policy => policy.permissive)) {
    const fix = `drop policy if exists ${policies.gate} on ${target}; ${gatePolicy(target)}`
    add('R8', 'warning', 'has no permissive policy, so that nobody sees anything.', fix)
  }
  for (const policy of table.policies) {
    for (const name of policy.immutable) {
      const problem = `has the policy ${policy.name} with the IMMUTABLE function ${name}, whose first result may be kept for other tenants.`
      add('R14', 'error', problem, `alter function ${name} stable`)
    }
  }
  return findings
}

function withoutTenantPolicy(
  table: TableFacts,
  restrictive: readonly PolicyFacts[],
  terms: PolicyTerms,
): [id: string, severity: 'error', problem: string] {
  const { setting, column, verifier } = terms
  const unsealed = restrictive.find(({ using }) => comparesTenant(using, { setting, column }) !== 'no')
  if (verifier !== undefined && unsealed !== undefined) {
    return ['R13', 'error', `has the policy ${unsealed.name}, which believes the setting and does not ask the seal.`]
  }
  const reads = `current_setting('${setting}'::text`
  const other = restrictive.find(({ using }) => using?.includes('current_setting(') && !using.includes(reads))
  if (other !== undefined) {
    return ['R10', 'error', `has the policy ${other.name} with another setting than ${setting}: ${other.using}`]
  }
  const loose = restrictive.find(({ using }) => using?.includes(reads))
  if (loose !== undefined) {
    const problem = `has the policy ${loose.name}, which lets through more than rows whose ${column} equals ${setting}: ${loose.using}`
    return ['R6', 'error', problem]
  }
  if (table.policies.some(({ permissive, using }) => permissive && using?.includes(reads))) {
    return [
      'R8',
      'error',
      'keeps tenants apart by a permissive policy only, which any further permissive policy opens.',
    ]
  }
  return [
    'R6',
    'error',
    `has no restrictive policy for all commands that compares ${column} with the setting ${setting}.`,
  ]
}

function isSound(policy: PolicyFacts, terms: PolicyTerms): boolean {
  return comparesTenant(policy.using, terms) === 'yes' && isCheckSound(policy, terms)
}

/** Without a check of its own, a policy checks what is written by what may be read (CREATE POLICY). */
function isCheckSound({ using, check }: PolicyFacts, terms: PolicyTerms): boolean {
  return check === null || check === using || comparesTenant(check, terms) === 'yes'
}
