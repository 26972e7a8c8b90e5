import type { Oid, RuleFacts, TriggerFacts } from '../catalog/facts.ts'
import type { Lookup } from '../lookup.ts'
import type { Text } from '../names.ts'
import { defaultPrivilegesOf, defaultPrivilegeText } from '../privileges/default-privileges.ts'
import { grantTexts } from '../privileges/grant-text.ts'
import { type PrivilegeTerms, privilegesOf } from '../privileges/privileges.ts'
import { hookState, hookText, indexSettings, policyText } from '../text/attachment-text.ts'
import { columnSettings, saysNotNull } from '../text/column-text.ts'
import { commentTarget } from '../text/comment-text.ts'
import { inherits, tableSettings } from '../text/relation-text.ts'
import { ownerText, persistenceText } from '../text/sequence-text.ts'
import { ancestorColumns } from './table-parts.ts'

/** Which column a sequence belongs to. */
export function ownerTexts(lookup: Lookup): readonly Text[] {
  return lookup.catalog.sequences.flatMap(sequence => {
    const { name, persistence } = lookup.relation(sequence.oid)
    const { isIdentity, ownerTable } = sequence
    if (ownerTable === null) return []
    const action = isIdentity
      ? persistenceText({ persistence }, lookup.relation(ownerTable).persistence)
      : ownerText(sequence, lookup)
    return action === '' ? [] : [`ALTER SEQUENCE ${name} ${action}`]
  })
}

/** What is set for tables, columns, indexes and statistics once they are there. */
export function settingTexts(lookup: Lookup): readonly Text[] {
  const { relations, indexes, statistics } = lookup.catalog
  return [
    ...relations
      .filter(({ kind }) => 'rpvm'.includes(kind))
      .flatMap(relation => {
        const columns = lookup.columns(relation.oid).flatMap(column => {
          const view = 'vm'.includes(relation.kind) && column.default !== null
          const brought = inherits(relation) && !column.isLocal && saysNotNull(column, lookup)
          const free = brought && !ancestorColumns(relation, column.name, lookup).some(({ notNull }) => notNull)
          const actions = [
            ...(view ? [`SET DEFAULT ${column.default}`] : []),
            ...(free ? ['SET NOT NULL'] : []),
            ...columnSettings(column),
          ]
          return actions.map(action => `ALTER COLUMN ${column.name} ${action}`)
        })
        const actions = [...columns, ...tableSettings(relation, lookup)]
        const only = 'vm'.includes(relation.kind) ? '' : 'ONLY '
        return actions.length === 0 ? [] : [`ALTER TABLE ${only}${relation.name} ${actions.join(', ')}`]
      }),
    ...indexes.flatMap(index => {
      // The server takes some of them only one at a time.
      return indexSettings(index, lookup).map(setting => `ALTER INDEX ${index.name} ${setting}`)
    }),
    ...statistics
      .filter(({ target }) => target !== null)
      .map(({ name, target }) => `ALTER STATISTICS ${name} SET STATISTICS ${target}`),
  ]
}

/** Materialised views are filled when all is there that they read. They may read each other, in the order in which they were made. */
export function refreshTexts({ catalog }: Lookup, made: readonly string[]): readonly Text[] {
  const rank = new Map(made.map((key, at) => [key, at]))
  const place = ({ oid }: { readonly oid: Oid }) => rank.get(`pg_class ${oid}`) ?? 0
  return catalog.relations
    .filter(({ kind, populated }) => kind === 'm' && populated)
    .sort((a, b) => place(a) - place(b))
    .map(({ name }) => `REFRESH MATERIALIZED VIEW ${name}`)
}

/** Triggers, rules and policies: last, so that none of them sees the template's rows come in. */
export function hookTexts(lookup: Lookup, tenant: string | undefined): readonly Text[] {
  const { triggers, rules, policies } = lookup.catalog
  function switched(hook: TriggerFacts | RuleFacts, what: 'TRIGGER' | 'RULE'): readonly Text[] {
    const state = hookState(hook, what)
    // A partition's own trigger may be switched in another way than the partitioned table's.
    return state === undefined ? [] : [`ALTER TABLE ONLY ${lookup.relation(hook.relation).name} ${state}`]
  }
  return [
    ...triggers.filter(({ isClone }) => !isClone).map(trigger => hookText(trigger, lookup)),
    ...triggers.flatMap(trigger => switched(trigger, 'TRIGGER')),
    ...rules.flatMap(rule => [hookText(rule, lookup), ...switched(rule, 'RULE')]),
    ...policies.map(policy => policyText(policy, lookup, tenant)),
  ]
}

/** Who may do what, and what people wrote about it. */
export function grantAndCommentTexts(lookup: Lookup, terms: PrivilegeTerms): readonly Text[] {
  const { comments } = lookup.catalog
  return [
    ...grantTexts(privilegesOf(lookup, terms)),
    ...comments.flatMap(comment => {
      const target = commentTarget(comment, lookup)
      return target === undefined ? [] : [`COMMENT ON ${target} IS ${comment.text}`]
    }),
    ...defaultPrivilegesOf(lookup.catalog, terms)
      .filter(({ standard }) => !standard)
      .map(defaultPrivilegeText),
  ]
}
