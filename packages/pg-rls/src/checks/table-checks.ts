import type { Finding } from '@tenantry/core'
import { quoteIdentifier, quoteQualified } from '@tenantry/pg'
import type { Catalog, TableFacts } from '../catalog.ts'

/** What the checks of a table need to know beside the table. */
export interface TableTerms {
  readonly role: string
  readonly column: string
  /** Tables without tenants on purpose, as `schema.name`. */
  readonly shared: ReadonlySet<string>
}

/** What is wrong with the tables that the role can reach, but for their policies. */
export function tableChecks({ tables, role }: Catalog, column: string, shared: ReadonlySet<string>): Finding[] {
  const terms = { role: role.name, column, shared }
  return tables.flatMap(table => tableFindings(table, terms))
}

function tableFindings(table: TableFacts, { role, column, shared }: TableTerms): Finding[] {
  const findings: Finding[] = []
  const target = quoteQualified(table.schema, table.name)
  const tenant = quoteIdentifier(column)
  function add(id: string, severity: Finding['severity'], problem: string, fix: string): void {
    findings.push({ id, severity, object: `table ${table.schema}.${table.name}`, problem, fix })
  }

  if (table.truncate) {
    add(
      'R23',
      'error',
      `${role} may TRUNCATE it, which empties it for all tenants.`,
      `revoke truncate on ${target} from ${role}`,
    )
  }
  if (shared.has(`${table.schema}.${table.name}`)) return findings
  if (table.columnType === null) {
    const fix = `protectTable(${JSON.stringify(table.name)}), or name it in the option "shared", or revoke all on ${target} from ${role}`
    add('R6', 'error', `is reachable and has no column ${column}.`, fix)
    return findings
  }
  if (table.kind === 'f') {
    add(
      'R42',
      'error',
      'is a foreign table, which row-level security does not cover.',
      `revoke all on ${target} from ${role}`,
    )
    return findings
  }
  if (!table.rowSecurity) {
    add('R6', 'error', 'has row-level security switched off.', `alter table ${target} enable row level security`)
  }
  if (!table.forced) {
    add(
      'R1',
      'error',
      `does not hold its owner ${table.owner} to its policies.`,
      `alter table ${target} force row level security`,
    )
  }
  if (table.owned) {
    add(
      'R1',
      'error',
      `belongs to ${table.owner}, which ${role} is or can become, so that ${role} can switch its policies off.`,
      `alter table ${target} owner to (a role for migrations)`,
    )
  }
  if (!table.notNull) {
    add(
      'R9',
      'error',
      `may have rows without a tenant: ${column} can be null.`,
      `alter table ${target} alter column ${tenant} set not null`,
    )
  }
  if (!table.indexed) {
    add(
      'R44',
      'warning',
      `has no index that starts with ${column}, so that every query reads all tenants' rows.`,
      `create index on ${target} (${tenant})`,
    )
  }
  for (const privilege of table.dangerous) {
    add(
      'R23',
      'warning',
      `${role} has ${privilege} on it.`,
      `revoke ${privilege.toLowerCase()} on ${target} from ${role}`,
    )
  }
  for (const index of table.uniqueWithout) {
    const problem = `has the unique key ${index} without ${column}: a tenant learns of another's values by the duplicates.`
    add('R20', 'warning', problem, `make ${index} unique over (${tenant}, …)`)
  }
  for (const constraint of table.looseReferences) {
    const problem = `has the foreign key ${constraint} without ${column}: a row may refer to, and be deleted with, another tenant's.`
    add('R19', 'warning', problem, `make ${constraint} reference (${tenant}, …)`)
  }
  return findings
}
