import type { Finding } from '@tenantry/core'
import { inTransaction } from '@tenantry/pg'
import type pg from 'pg'
import { type Check, type CheckTerms, prelude } from './check.ts'
import { loginChecks } from './login-checks.ts'
import { sharedChecks } from './shared-checks.ts'
import { templateFindings } from './template-findings.ts'
import { tenantChecks } from './tenant-checks.ts'

const all: readonly Check[] = [...loginChecks, ...tenantChecks, ...sharedChecks]

/** Looks the catalogue over as the login of the application, which needs no privileges for it. */
export async function lookOver(pool: pg.Pool, terms: CheckTerms): Promise<readonly Finding[]> {
  const values = [terms.defaultSchema ?? null, terms.template ?? null, terms.extensions, terms.roles]
  return inTransaction(pool, async query => {
    const findings: Finding[] = []
    for (const { sql, finding } of all) {
      const text = `${prelude} select * from (${sql}) found order by found::text`
      const { rows } = await query<Record<string, string>>(text, values)
      findings.push(...rows.map(row => finding(row, terms)))
    }
    return [...findings, ...(await templateFindings(query, terms))]
  })
}
