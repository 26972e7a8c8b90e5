import type { Finding } from '@tenantry/core'
import { quoteIdentifier, quoteQualified } from '@tenantry/pg'
import type { Catalog } from '../catalog.ts'

/** What is wrong with the views and functions through which the role can reach rows. */
export function codeChecks({ views, functions, role }: Catalog): Finding[] {
  const findings: Finding[] = []
  for (const view of views) {
    const target = quoteQualified(view.schema, view.name)
    if (view.materialised) {
      findings.push({
        id: 'R4',
        severity: 'error',
        object: `materialized view ${view.schema}.${view.name}`,
        problem: 'keeps rows of all tenants, and row-level security does not cover it.',
        fix: `revoke all on ${target} from ${view.grantees.join(', ') || quoteIdentifier(role.name)}`,
      })
    } else if (!view.invoker) {
      findings.push({
        id: 'R3',
        severity: 'error',
        object: `view ${view.schema}.${view.name}`,
        problem: `reads as its owner ${view.owner} and not as whoever asks.`,
        fix: `alter view ${target} set (security_invoker = true)`,
      })
    }
  }
  for (const { signature, schema, owner, bypass, pinned } of functions) {
    if (bypass) {
      findings.push({
        id: 'R5',
        severity: 'error',
        object: `function ${signature}`,
        problem: `runs as ${owner}, for whom no policy holds.`,
        fix: `alter routine ${signature} security invoker`,
      })
    } else if (!pinned) {
      findings.push({
        id: 'R5',
        severity: 'warning',
        object: `function ${signature}`,
        problem: `runs as ${owner} with the caller's search_path.`,
        fix: `alter routine ${signature} set search_path = pg_catalog, ${quoteIdentifier(schema)}, pg_temp`,
      })
    }
  }
  return findings
}
