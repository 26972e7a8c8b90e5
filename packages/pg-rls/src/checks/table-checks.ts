import type { Finding } from '@tenantry/core'
import { quoteIdentifier, quoteQualified } from '@tenantry/pg'
import type { Catalog, TableFacts } from '../catalog.ts'
import { reachesFurther } from '../erase.ts'
import { referenceFix, uniqueFix } from './key-fixes.ts'

/** What the checks of a table need to know beside the table. */
export interface TableTerms {
  readonly role: string
  readonly column: string
  /** Tables without tenants on purpose, as `schema.name`. */
  readonly shared: ReadonlySet<string>
  /** All tables, for the foreign keys that lean on a key. */
  readonly tables: readonly TableFacts[]
}

/** What is wrong with the tables that the role can reach, but for their policies. */
export function tableChecks({ tables, role }: Catalog, column: string, shared: ReadonlySet<string>): Finding[] {
  const terms = { role: role.name, column, shared, tables }
  return tables.flatMap(table => tableFindings(table, terms))
}

function tableFindings(table: TableFacts, { role, column, shared, tables }: TableTerms): Finding[] {
  const findings: Finding[] = []
  const target = quoteQualified(table.schema, table.name)
  const tenant = quoteIdentifier(column)
  function add(id: string, severity: Finding['severity'], problem: string, fix: string): void {
    findings.push({ id, severity, object: `table ${table.schema}.${table.name}`, problem, fix })
  }

  const runtime = quoteIdentifier(role)
  // Where no grant shows, a predefined role such as pg_read_all_data gives it.
  const revokeAll = `revoke all on ${target} from ${table.grantees.join(', ') || runtime}`

  if (table.truncate.length > 0) {
    add(
      'R23',
      'error',
      `${role} may TRUNCATE it, which empties it for all tenants.`,
      `revoke truncate on ${target} from ${table.truncate.join(', ')}`,
    )
  }
  if (shared.has(`${table.schema}.${table.name}`)) return findings
  if (table.columnType === null) {
    const fix = `${revokeAll} -- or protectTable(${JSON.stringify(table.name)}), or name it in the option "shared"`
    add('R6', 'error', `is reachable and has no column ${column}.`, fix)
    return findings
  }
  if (table.kind === 'f') {
    add('R42', 'error', 'is a foreign table, which row-level security does not cover.', revokeAll)
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
      ownerFix(table, runtime),
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
  for (const { privilege, from } of table.dangerous) {
    add(
      'R23',
      'warning',
      `${role} has ${privilege} on it.`,
      `revoke ${privilege.toLowerCase()} on ${target} from ${from.join(', ')}`,
    )
  }
  for (const unique of table.uniqueWithout) {
    const problem = `has the unique key ${unique.name} without ${column}: a tenant learns of another's values by the duplicates.`
    add('R20', 'warning', problem, uniqueFix(table, unique, column, tables))
  }
  for (const reference of table.looseReferences) {
    const problem = `has the foreign key ${reference.name} without ${column}: a row may refer to, and be deleted with, another tenant's.`
    // Where the delete of one tenant's row deletes or changes another's, it is more than an oracle.
    add('R19', reachesFurther(reference) ? 'error' : 'warning', problem, referenceFix(table, reference, column))
  }
  return findings
}

function ownerFix({ schema, name, ownedThrough, otherOwner }: TableFacts, runtime: string): string {
  if (ownedThrough.length > 0) return `revoke ${ownedThrough.map(quoteIdentifier).join(', ')} from ${runtime}`
  const target = quoteQualified(schema, name)
  const owner = quoteIdentifier(otherOwner ?? 'tenantry_owner')
  // The owner's privileges go with the table, and the role still has to work with it.
  return [
    ...(otherOwner === null ? [`create role ${owner} nologin`] : []),
    `alter table ${target} owner to ${owner}`,
    `grant select, insert, update, delete on ${target} to ${runtime}`,
  ].join('; ')
}
