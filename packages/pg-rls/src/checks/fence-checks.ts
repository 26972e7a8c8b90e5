import type { Finding } from '@tenantry/core'
import { quoteIdentifier } from '@tenantry/pg'
import type { Catalog } from '../catalog.ts'
import { admitsSource, createAdmits, fenceNames, installFence } from '../fence/fence-sql.ts'

/** What the checks of the fence need to know. */
export interface FenceTerms {
  readonly schema: string
  /** Whether this process asks the fence. */
  readonly asked: boolean
}

/** What is wrong with the fence behind suspended tenants: it lets them in, or nobody. */
export function fenceChecks({ fence: { admits, open }, role }: Catalog, { schema, asked }: FenceTerms): Finding[] {
  const names = fenceNames(schema)
  const object = `function ${schema}.admits(text)`
  const findings: Finding[] = []
  function add(problem: string, fix: string, about = object): void {
    findings.push({ id: 'L3', severity: 'error', object: about, problem, fix })
  }
  if (!asked) {
    // Others suspend tenants by it.
    if (admits !== null) add('is there, and this process does not ask it.', 'Give pgRls the option "fence".')
    return findings
  }
  if (admits === null) {
    const install = installFence({ runtimeRole: role.name, fenceRole: `${role.name}_fence`, schema }).join('; ')
    add('is missing, so that nobody is let in.', `${install} -- with the role that suspends tenants`)
    return findings
  }
  if (admits.source !== admitsSource(schema) || admits.language !== 'plpgsql')
    add('is not the code that this version of Tenantry installs.', createAdmits(schema))
  if (!admits.definer)
    add('is not SECURITY DEFINER, so that its callers would have to read the fence.', createAdmits(schema))
  if (admits.volatility !== 'v')
    add('is not VOLATILE, so that it misses a fence that was just raised.', createAdmits(schema))
  if (admits.settings.length > 0)
    add(
      `runs with settings that it was not installed with: ${admits.settings.join(', ')}.`,
      `alter function ${names.admits}(text) reset all`,
    )
  if (!admits.callable)
    add(
      `may not be called by ${role.name}, whose every statement fails.`,
      `grant usage on schema ${quoteIdentifier(schema)} to ${quoteIdentifier(role.name)}; grant execute on function ${names.admits}(text) to ${quoteIdentifier(role.name)}`,
    )
  if (admits.owned)
    add(`belongs to ${admits.owner}, which ${role.name} is or can become.`, 'Install the fence as another role.')
  for (const name of open) {
    const kind = name === 'fence_sequence' ? 'sequence' : 'table'
    add(
      `lets ${role.name} in, who could take the fence away or read who is suspended.`,
      `revoke all on ${kind} ${quoteIdentifier(schema)}.${quoteIdentifier(name)} from public, ${quoteIdentifier(role.name)}`,
      `${kind} ${schema}.${name}`,
    )
  }
  return findings
}
