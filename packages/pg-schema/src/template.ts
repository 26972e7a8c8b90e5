import { TenancyError } from '@tenantry/core'
import type { Query } from '@tenantry/pg'
import { quoteQualified } from '@tenantry/pg'
import { type ClonePlan, readClonePlan } from './clone/clone-plan.ts'
import { templateFingerprint } from './clone/fingerprint.ts'
import { outsideReferences } from './clone/outside-references.ts'
import { describeDifference, diffStructures, readStructure } from './clone/structure.ts'
import { isUnfinished } from './mark.ts'
import { keepSchema } from './schema-lock.ts'
import type { StructureSource } from './structure-source.ts'

/** A template, and what is known of it. */
export interface TemplateTerms {
  readonly source: Required<Pick<Extract<StructureSource, { by: 'template' }>, 'schema' | 'versionTables'>> & {
    readonly role: string | undefined
  }
  readonly extensions: readonly string[]
  /** The plan of the last clone: reading it takes longer than seeing that it still holds. */
  plan: ClonePlan | undefined
}

/** Nothing is read before a tenant is made. */
export function templateTerms(structure: StructureSource, extensions: readonly string[]): TemplateTerms {
  const { schema = 'template', versionTables = [], role } = structure.by === 'template' ? structure : {}
  return { source: { schema, versionTables, role }, extensions, plan: undefined }
}

/** The template as it is now, and will be until the transaction ends: nobody rebuilds it meanwhile. */
export async function currentPlan(query: Query, terms: TemplateTerms): Promise<ClonePlan> {
  const { schema } = terms.source
  await query(keepSchema(schema))
  await lockRows(query, terms.source)
  const fingerprint = await templateFingerprint(query, schema)
  if (fingerprint === undefined) throw new TenancyError('TEMPLATE_MISSING', { template: schema })
  if (terms.plan?.fingerprint !== fingerprint) {
    const { rows } = await query(
      `select obj_description(oid, 'pg_namespace') as mark from pg_namespace where nspname = $1`,
      [schema],
    )
    if (isUnfinished(rows[0] as { mark: string | null }, { template: true }))
      throw new TenancyError('TEMPLATE_MISSING', { template: schema })
    terms.plan = await readClonePlan(query, { ...terms.source, allowed: terms.extensions })
  }
  return terms.plan
}

/**
 * Migrations by hand do not wait for the lock of the schema: held so, the rows of the version tables are those of the structure that
 * is read next.
 */
async function lockRows(query: Query, { schema, versionTables }: TemplateTerms['source']): Promise<void> {
  if (versionTables.length === 0) return
  const { rows } = await query<{ name: string }>(
    `select relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where nspname = $1 and relkind in ('r', 'p') and relname = any ($2)`,
    [schema, versionTables],
  )
  const tables = rows.map(({ name }) => quoteQualified(schema, name))
  if (tables.length > 0) await query(`lock table ${tables.join(', ')} in share mode`)
}

/** Makes everything in an empty schema, whose path is set, and sees that it is as in the template and leads nowhere else. */
export async function fillFromTemplate(
  query: Query,
  terms: TemplateTerms,
  target: { readonly schema: string; readonly role: string },
): Promise<void> {
  const plan = await currentPlan(query, terms)
  await query(plan.statements(target).join(';\n'))
  const references = await outsideReferences(query, target.schema, terms.extensions)
  const differences = diffStructures(plan.structure, await readStructure(query, target.schema, { role: target.role }))
  const problems = [
    ...references.map(({ object, refersTo }) => `${object} of the clone refers to ${refersTo}`),
    ...differences.map(difference => `the clone differs: ${describeDifference(difference)}`),
  ]
  if (problems.length > 0) throw new TenancyError('TEMPLATE_INVALID', { template: terms.source.schema, problems })
}
