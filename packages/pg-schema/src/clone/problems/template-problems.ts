import type { Query } from '@tenantry/pg'
import type { Structure } from '../describe/describe.ts'
import type { Lookup } from '../lookup.ts'
import { outsideReferences } from '../outside-references.ts'
import type { PrivilegeTerms } from '../privileges/privileges.ts'
import { extensionMembers, foreignTies } from './foreign-ties.ts'
import { namedTemplate } from './named-template.ts'
import type { Problem } from './problem.ts'
import { refusedKinds } from './refused-kinds.ts'
import { refusedStates } from './refused-states.ts'

/** What is to be known of a template beside its catalogue. */
export interface TemplateTerms {
  readonly versionTables: readonly string[]
  readonly role: string | undefined
  readonly allowed: readonly string[]
}

/** Everything that keeps a template from being cloned, one text for each object. */
export async function templateProblems(
  query: Query,
  lookup: Lookup,
  structure: Structure,
  terms: TemplateTerms & { readonly privileges: PrivilegeTerms },
): Promise<readonly string[]> {
  const { name } = lookup.catalog
  const { members, problems } = await extensionMembers(query, name)
  const references = await outsideReferences(query, name, terms.allowed)
  const all: readonly Problem[] = [
    ...(await missingTerms(query, lookup, terms)),
    ...problems,
    ...refusedKinds(lookup).filter(({ key }) => !members.has(key)),
    ...refusedStates(lookup, terms.privileges).filter(({ key }) => !members.has(key)),
    ...references.map(({ object, refersTo }) => ({
      key: object,
      text: `${object}: it refers to ${refersTo}, which all clones would share; move that into the template, or do without it`,
    })),
    ...namedTemplate(lookup, structure).filter(({ key }) => !members.has(key)),
    ...(await foreignTies(query, name)),
  ]
  const first = new Map<string, string>()
  for (const { key, text } of all) if (!first.has(key)) first.set(key, text)
  return [...first.values()]
}

async function missingTerms(query: Query, { catalog }: Lookup, terms: TemplateTerms): Promise<readonly Problem[]> {
  const tables = new Set(catalog.relations.filter(({ kind }) => 'rp'.includes(kind)).map(({ plainName }) => plainName))
  const problems = terms.versionTables
    .filter(table => !tables.has(table))
    .map(table => ({
      key: `versions ${table}`,
      text: `table ${table}: its rows are to be copied, and there is no such table`,
    }))
  if (terms.role === undefined) return problems
  const { rows } = await query('select from pg_catalog.pg_roles where rolname = $1', [terms.role])
  if (rows.length > 0) return problems
  return [
    ...problems,
    {
      key: `role ${terms.role}`,
      text: `role ${terms.role}: its privileges are to be cloned, and there is no such role`,
    },
  ]
}
