import { type Finding, isTenancyError } from '@tenantry/core'
import type { Query } from '@tenantry/pg'
import { errorText, inTransaction } from '@tenantry/pg'
import type pg from 'pg'
import {
  type Difference,
  describeDifference,
  diffStructures,
  readStructure,
  type Structure,
} from '../clone/structure.ts'
import { saysSuspended } from '../mark.ts'
import { currentPlan, type TemplateTerms } from '../template.ts'
import { type CheckTerms, prelude } from './check.ts'

/** Differences that are told of one tenant. */
const told = 3

interface TenantSchema {
  readonly oid: string
  readonly schema: string
  readonly role: string | null
  readonly suspended: boolean
}

/**
 * Tenants whose schema is not like the template any more, because it or they were migrated alone. Each is read in a transaction of its
 * own: the server holds a lock for every relation that it tells of until the transaction ends, and migrations wait for them.
 */
export async function lookForDrift(
  provisioner: pg.Pool,
  terms: CheckTerms & { readonly source: TemplateTerms },
): Promise<readonly Finding[]> {
  const { template } = terms
  if (template === undefined) return []
  const known = await inTransaction(provisioner, query => templateAndTenants(query, template, terms))
  if (known === undefined) return []
  if ('problems' in known) return known.problems.map(problem => uncloneable(template, problem))
  const findings: Finding[] = []
  for (const tenant of known.tenants) findings.push(...(await lookAtTenant(provisioner, tenant, known.structure)))
  return findings
}

/** `undefined` without a template, which another finding says. */
async function templateAndTenants(
  query: Query,
  template: string,
  terms: CheckTerms & { readonly source: TemplateTerms },
): Promise<
  | { readonly structure: Structure; readonly tenants: readonly TenantSchema[] }
  | { problems: readonly string[] }
  | undefined
> {
  const { rows: there } = await query('select from pg_namespace where nspname = $1', [template])
  if (there.length === 0) return undefined
  const plan = await currentPlan(query, terms.source).catch((error: unknown) => {
    if (isTenancyError(error) && error.code === 'TEMPLATE_INVALID') return { problems: error.details.problems }
    if (isTenancyError(error) && error.code === 'TEMPLATE_MISSING') return { problems: ['it was left half made'] }
    throw error
  })
  if ('problems' in plan) return plan
  const { rows } = await query<TenantSchema>(
    `${prelude} select t.oid::text as oid, t.name as schema, r.name as role,
            ${saysSuspended(`obj_description(t.oid, 'pg_namespace')`)} as suspended
       from tenants t left join roles r on r.tenant = t.tenant where t.tenant <> '' order by 2`,
    [terms.defaultSchema ?? null, template, terms.extensions, terms.roles],
  )
  return { structure: plan.structure, tenants: rows }
}

async function lookAtTenant(
  provisioner: pg.Pool,
  { oid, schema, role, suspended }: TenantSchema,
  structure: Structure,
): Promise<readonly Finding[]> {
  const { problem, fix } = await inTransaction(provisioner, query =>
    readStructure(query, schema, { role: role ?? undefined }),
  ).then(
    found => ({
      problem: differenceText(structure, found, suspended),
      fix: 'Run the migrations that the one has and the other has not.',
    }),
    (error: unknown) => {
      // Without the database there is nothing to say of any tenant; all else is about this one.
      if (isTenancyError(error)) throw error
      const problem = `cannot be compared with the template: ${errorText(error)}.`
      return { problem, fix: 'Mend what the server says of it, or look again when nobody is at it.' }
    },
  )
  if (problem === undefined) return []
  const there = await inTransaction(provisioner, query =>
    query('select from pg_namespace where oid = $1 and nspname = $2', [oid, schema]),
  )
  // Dropped meanwhile, or made anew.
  if (there.rows.length === 0) return []
  return [{ id: 'S15', severity: 'warning', object: `schema ${schema}`, problem, fix }]
}

function differenceText(structure: Structure, found: Structure, suspended: boolean): string | undefined {
  // A tenant that is suspended may not use its schema, and nothing else is to be wrong with it.
  const differences = diffStructures(structure, found).filter(difference => !(suspended && isUse(difference)))
  if (differences.length === 0) return undefined
  const list = differences.slice(0, told).map(describeDifference).join('; ')
  const more = differences.length > told ? `, and ${differences.length - told} more` : ''
  return `is not like the template: ${list}${more}.`
}

function isUse({ kind, name, change }: Difference): boolean {
  return kind === 'privileges' && name === 'SCHEMA to {role}' && change === 'missing'
}

function uncloneable(template: string, problem: string): Finding {
  const object = `template ${template}`
  const fix = 'Mend it in the template as it says.'
  return { id: 'S15', severity: 'warning', object, problem: `cannot be cloned: ${problem}.`, fix }
}
