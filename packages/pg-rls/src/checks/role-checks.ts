import type { Finding } from '@tenantry/core'
import { quoteIdentifier } from '@tenantry/pg'
import type { BypassFacts, Catalog, HolderFacts, RoleFacts } from '../catalog.ts'

/** What is wrong with the role that the pool connects as. */
export function roleChecks({ role }: Catalog): Finding[] {
  const findings: Finding[] = []
  // A superuser is a member of every role, which says nothing more.
  const itself = role.bypass.filter(({ name }) => name === role.name)
  for (const bypass of itself.length > 0 ? itself : role.bypass) findings.push(bypassFinding(role, bypass))
  if (role.temporary.from.length + role.temporary.through.length > 0) {
    findings.push({
      id: 'R26',
      severity: 'error',
      object: `role ${role.name}`,
      problem: 'may create temporary tables, which stay on the connection for the next tenant and shadow real ones.',
      fix: revoke(`temporary on database ${quoteIdentifier(role.database)}`, role.temporary, role),
    })
  }
  for (const { schema, ...holders } of role.creates) {
    findings.push({
      id: 'R38',
      severity: 'warning',
      object: `schema ${schema}`,
      problem: `lets ${role.name} create objects that others may call by accident.`,
      fix: revoke(`create on schema ${quoteIdentifier(schema)}`, holders, role),
    })
  }
  for (const schema of role.missing) {
    findings.push({
      id: 'R6',
      severity: 'error',
      object: `schema ${schema}`,
      problem: 'does not exist, so that nothing in it was looked over.',
      fix: `create schema ${quoteIdentifier(schema)} -- or correct the option "schemas"`,
    })
  }
  return findings
}

function bypassFinding(role: RoleFacts, bypass: BypassFacts): Finding {
  const name = quoteIdentifier(role.name)
  const terms = { id: 'R2', severity: 'error' } as const
  if (bypass.name === role.name) {
    const attributes = [bypass.superuser ? 'nosuperuser' : '', bypass.bypassRls ? 'nobypassrls' : ''].join(' ').trim()
    const problem = 'is a superuser or has BYPASSRLS, so that no policy holds for it.'
    return { ...terms, object: `role ${role.name}`, problem, fix: `alter role ${name} ${attributes}` }
  }
  if (!bypass.reached) {
    const problem = `logs in and can return from ${role.name} to ${bypass.name}, a superuser or a role with BYPASSRLS.`
    return { ...terms, object: `role ${role.session}`, problem, fix: `Log in as ${role.name} itself.` }
  }
  const problem = `is a member of ${bypass.name}, which is a superuser or has BYPASSRLS.`
  const fix = `revoke ${bypass.through.map(quoteIdentifier).join(', ')} from ${name}`
  return { ...terms, object: `role ${role.name}`, problem, fix }
}

/** From the grantees; and where the role has it as one that can become the owner, from the role what leads there. */
function revoke(what: string, { from, through }: HolderFacts, role: RoleFacts): string {
  return [
    ...(from.length > 0 ? [`revoke ${what} from ${from.join(', ')}`] : []),
    ...(through.length > 0
      ? [`revoke ${through.map(quoteIdentifier).join(', ')} from ${quoteIdentifier(role.name)}`]
      : []),
  ].join('; ')
}
