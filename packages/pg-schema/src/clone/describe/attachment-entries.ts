import type { Oid } from '../catalog/facts.ts'
import type { Lookup } from '../lookup.ts'
import type { Text } from '../names.ts'
import { hookState, hookText, indexSettings, indexText, policyText, statisticsText } from '../text/attachment-text.ts'
import { entry, inherited, lines, type StructureEntry } from './entry.ts'

const constraintKinds: Readonly<Record<string, string>> = {
  ...{ c: 'check', f: 'foreign key', n: 'not null', p: 'primary key', u: 'unique', x: 'exclusion' },
}

/** What stands on tables, views and domains: constraints, indexes, triggers, rules, policies, statistics. */
export function attachmentEntries(lookup: Lookup, tenant: string | undefined): readonly StructureEntry[] {
  const { constraints, indexes, triggers, rules, policies, statistics } = lookup.catalog

  function on(kind: string, item: { readonly relation: Oid; readonly name: string }, definition: Text) {
    return entry(kind, `${lookup.relation(item.relation).name}.${item.name}`, definition)
  }

  return [
    ...constraints.map(constraint => {
      const { relation, domain, name, definition, type } = constraint
      const owner = relation === null ? lookup.type(domain ?? '') : lookup.relation(relation)
      const index = constraint.index === null ? undefined : lookup.index(constraint.index)
      const settings = index === undefined ? [] : indexSettings(index, lookup)
      const text = lines(definition, ...settings, inherited(constraint))
      return entry(constraintKinds[type] ?? `constraint of the kind ${type}`, `${owner?.name}.${name}`, text)
    }),
    ...indexes
      .filter(({ definition }) => definition !== null)
      .map(index => {
        const parent = index.parent === null ? undefined : lookup.index(index.parent)
        const settings = indexSettings(index, lookup)
        const text = lines(indexText(index, lookup), parent && `PART OF ${parent.name}`, ...settings)
        return on('index', index, lines(text, !index.valid && 'NOT VALID'))
      }),
    ...triggers.map(trigger => {
      const definition = trigger.internal ? 'of a constraint' : hookText(trigger, lookup)
      return on('trigger', trigger, lines(definition, hookState(trigger, 'TRIGGER')))
    }),
    ...rules.map(rule => on('rule', rule, lines(hookText(rule, lookup), hookState(rule, 'RULE')))),
    ...policies.map(policy => on('policy', policy, policyText(policy, lookup, tenant))),
    ...statistics.map(item => {
      const target = item.target !== null && `SET STATISTICS ${item.target}`
      return entry('statistics', item.name, lines(statisticsText(item, lookup), target))
    }),
  ]
}
