import type { Finding } from '@tenantry/core'
import { quoteIdentifier } from '@tenantry/pg'
import type { Catalog } from '../catalog.ts'

/** What is wrong with the role that the pool connects as. */
export function roleChecks({ role }: Catalog): Finding[] {
  const findings: Finding[] = []
  const name = quoteIdentifier(role.name)
  for (const bypass of role.bypass) {
    const itself = bypass === role.name
    findings.push({
      id: 'R2',
      severity: 'error',
      object: `role ${role.name}`,
      problem: itself
        ? 'is a superuser or has BYPASSRLS, so that no policy holds for it.'
        : `is a member of ${bypass}, which is a superuser or has BYPASSRLS.`,
      fix: itself ? `alter role ${name} nosuperuser nobypassrls` : `revoke ${quoteIdentifier(bypass)} from ${name}`,
    })
  }
  if (role.temporary) {
    findings.push({
      id: 'R26',
      severity: 'warning',
      object: `role ${role.name}`,
      problem: 'may create temporary tables, which shadow real ones for whoever uses the connection next.',
      fix: `revoke temporary on database current from public, ${name} (with the name of the database)`,
    })
  }
  for (const schema of role.creates) {
    findings.push({
      id: 'R38',
      severity: 'warning',
      object: `schema ${schema}`,
      problem: `lets ${role.name} create objects that others may call by accident.`,
      fix: `revoke create on schema ${quoteIdentifier(schema)} from public, ${name}`,
    })
  }
  return findings
}
