import type { Finding } from '@tenantry/core'
import type { Query } from '@tenantry/pg'
import { outsideReferences } from '../clone/outside-references.ts'
import type { CheckTerms } from './check.ts'

/** What is wrong with the template: it is not there, or leads elsewhere, and so would every tenant. */
export async function templateFindings(
  query: Query,
  { template, extensions }: CheckTerms,
): Promise<readonly Finding[]> {
  if (template === undefined) return []
  const { rows } = await query('select from pg_catalog.pg_namespace where nspname = $1', [template])
  if (rows.length === 0) {
    const problem = 'does not exist, so that no tenant can be provisioned.'
    const fix = 'Make it with rebuildTemplate(), or make the schema and run your migrations in it.'
    return [{ id: 'S15', severity: 'warning', object: `schema ${template}`, problem, fix }]
  }
  const references = await outsideReferences(query, template, extensions)
  return references.map(({ object, refersTo }) => ({
    ...{ id: 'S13', severity: 'error', object: `template ${template}` },
    problem: `${object} refers to ${refersTo}, which every tenant would share.`,
    fix: 'Move what it refers to into the template, or into a schema of the option "extensions".',
  }))
}
