import { type Finding, isTenancyError } from '@tenantry/core'
import type pg from 'pg'
import { describeDifference, diffStructures, readStructure } from '../clone/structure.ts'
import { currentPlan, type TemplateTerms } from '../template.ts'
import { inTransaction } from '../transaction.ts'
import { type CheckTerms, prelude } from './check.ts'

/** Differences that are told of one tenant. */
const told = 3

function uncloneable(template: string | undefined, problem: string): Finding {
  const object = `template ${template}`
  const fix = 'Mend it in the template as it says.'
  return { id: 'S7', severity: 'warning', object, problem: `cannot be cloned: ${problem}.`, fix }
}

/** Tenants whose schema is not like the template any more, because it or they were migrated alone. */
export async function lookForDrift(
  provisioner: pg.Pool,
  terms: CheckTerms & { readonly source: TemplateTerms },
): Promise<readonly Finding[]> {
  if (terms.template === undefined) return []
  return inTransaction(provisioner, async query => {
    const { rows: there } = await query('select from pg_namespace where nspname = $1', [terms.template])
    // Said by another finding.
    if (there.length === 0) return []
    const plan = await currentPlan(query, terms.source).catch((error: unknown) => {
      if (isTenancyError(error) && error.code === 'TEMPLATE_INVALID') return error.details.problems
      throw error
    })
    if (!('structure' in plan)) return plan.map(problem => uncloneable(terms.template, problem))
    const { structure } = plan
    const { rows } = await query(
      `${prelude} select t.name as schema, r.name as role from tenants t left join roles r on r.tenant = t.tenant
        where t.tenant <> '' order by 1`,
      [terms.defaultSchema ?? null, terms.template, terms.extensions, terms.roles],
    )
    const findings: Finding[] = []
    for (const row of rows as { schema: string; role: string | null }[]) {
      const found = await readStructure(query, row.schema, { role: row.role ?? undefined })
      const differences = diffStructures(structure, found)
      if (differences.length === 0) continue
      const list = differences.slice(0, told).map(describeDifference).join('; ')
      const more = differences.length > told ? `, and ${differences.length - told} more` : ''
      findings.push({
        ...{ id: 'S15', severity: 'warning', object: `schema ${row.schema}` },
        problem: `is not like the template: ${list}${more}.`,
        fix: 'Run the migrations that the one has and the other has not.',
      })
    }
    return findings
  })
}
