import { TenancyError } from '@tenantry/core'
import type { Query } from '@tenantry/pg'
import { quoteIdentifier } from '@tenantry/pg'
import { edgeSql } from './catalog/objects-sql.ts'
import { readCatalog } from './catalog/read-catalog.ts'
import { describe, type Structure } from './describe/describe.ts'
import { templateFingerprint } from './fingerprint.ts'
import { type Lookup, lookUp } from './lookup.ts'
import { type Names, type Text, write } from './names.ts'
import { grantAndCommentTexts, hookTexts, ownerTexts, refreshTexts, settingTexts } from './plan/later-texts.ts'
import type { Edge } from './plan/needs.ts'
import { inOrder } from './plan/order.ts'
import { unitsOf } from './plan/units.ts'
import { versionRowTexts } from './plan/version-rows.ts'
import { defaultPrivilegesOf, defaultPrivilegeText } from './privileges/default-privileges.ts'
import type { PrivilegeTerms } from './privileges/privileges.ts'
import { templateProblems } from './problems/template-problems.ts'
import { runningSettings } from './reading.ts'

/** How to make a schema like a template. It holds as long as the template's fingerprint. */
export interface ClonePlan {
  readonly fingerprint: string
  /** What {@link readStructure} is to find in a clone, with the tenant's role as `role`. */
  readonly structure: Structure
  /**
   * The statements that fill an empty schema, in order; joined by semicolons they may be one text. The caller is the role that read
   * the plan, in a transaction, with the schema first in its `search_path`. Some settings change for the rest of the transaction.
   * Without a role nothing is granted to one.
   *
   * @throws {TenancyError} `TEMPLATE_INVALID` without a role, when a policy of the template is for the tenant's.
   * @throws {TenancyError} `IDENTIFIER_INVALID`
   */
  statements(target: { readonly schema: string; readonly role: string | undefined }): readonly string[]
}

/** What to clone. */
export interface CloneOptions {
  /** The template. */
  readonly schema: string
  /** Tables of the template whose rows are copied too. */
  readonly versionTables: readonly string[]
  /**
   * A role whose privileges on the template are those of a clone's role on the clone. Default none: it may use the schema and all
   * sequences, read and write all tables, and call all functions, also those that are made later.
   */
  readonly role?: string | undefined
  /** Other schemas that the template may refer to, and so all clones. Default none. */
  readonly allowed?: readonly string[] | undefined
}

/**
 * Reads how to make a schema like a template. The caller is the template's owner, in a transaction.
 *
 * @throws {TenancyError} `TEMPLATE_MISSING`
 * @throws {TenancyError} `TEMPLATE_INVALID`, with one problem for each object that cannot be cloned.
 * @example
 * const plan = await readClonePlan(query, { schema: 'template', versionTables: ['migrations'] })
 * await query(plan.statements({ schema: 't_acme', role: 't_acme' }).join(';\n'))
 */
export async function readClonePlan(query: Query, options: CloneOptions): Promise<ClonePlan> {
  const { schema, versionTables, role, allowed = [] } = options
  const fingerprint = await templateFingerprint(query, schema)
  const catalog = fingerprint === undefined ? undefined : await readCatalog(query, schema)
  if (fingerprint === undefined || catalog === undefined)
    throw new TenancyError('TEMPLATE_MISSING', { template: schema })

  const lookup = lookUp(catalog)
  const privileges: PrivilegeTerms = { tenant: role, standard: role === undefined }
  const structure = describe(lookup, privileges)
  const { rows: edges } = await query<Edge>(edgeSql, [schema])
  const terms = { versionTables, role, allowed, privileges }
  const problems = await templateProblems(query, lookup, structure, terms)
  // The statements of what cannot be cloned are not known.
  if (problems.length > 0) throw new TenancyError('TEMPLATE_INVALID', { template: schema, problems })
  const texts = textsOf(lookup, edges, { versionTables, privileges })
  // Somebody altered the template meanwhile, and what was read may be half of each.
  if ((await templateFingerprint(query, schema)) !== fingerprint) return readClonePlan(query, options)

  return {
    fingerprint,
    structure,
    statements(target) {
      const names: Names = {
        schema: quoteIdentifier(target.schema),
        role: target.role === undefined ? undefined : quoteIdentifier(target.role),
      }
      if (names.role === undefined) mustNotNeedRole(lookup, role)
      return texts.map(text => write(text, names)).filter(text => text !== '')
    },
  }
}

function textsOf(
  lookup: Lookup,
  edges: readonly Edge[],
  { versionTables, privileges }: { readonly versionTables: readonly string[]; readonly privileges: PrivilegeTerms },
): readonly Text[] {
  const { catalog } = lookup
  const { texts, keys, stuck } = inOrder(unitsOf(lookup, edges))
  if (stuck.length > 0) {
    const problem = `${stuck.map(({ name }) => name).join(', ')}: each needs another of them; break the circle`
    throw new TenancyError('TEMPLATE_INVALID', { template: catalog.name, problems: [problem] })
  }
  return [
    runningSettings,
    // At first, so that everything is made with them, and nothing has to be granted again.
    ...defaultPrivilegesOf(catalog, privileges)
      .filter(({ standard }) => standard)
      .map(defaultPrivilegeText),
    ...texts,
    ...ownerTexts(lookup),
    ...catalog.relations
      .filter(({ plainName, kind }) => 'rp'.includes(kind) && versionTables.includes(plainName))
      .flatMap(table => versionRowTexts(table, lookup, edges)),
    ...refreshTexts(lookup, keys),
    ...settingTexts(lookup),
    ...hookTexts(lookup, privileges.tenant),
    ...grantAndCommentTexts(lookup, privileges),
  ]
}

function mustNotNeedRole({ catalog, relation }: Lookup, role: string | undefined): void {
  const problems = catalog.policies
    .filter(({ roles }) => role !== undefined && roles.includes(role))
    .map(
      policy =>
        `policy ${policy.name} on ${relation(policy.relation).name}: it is for the tenant's role, and this clone has none`,
    )
  if (problems.length > 0) throw new TenancyError('TEMPLATE_INVALID', { template: catalog.name, problems })
}
