import type { Lookup } from '../lookup.ts'
import { calledBy } from '../text/function-text.ts'
import { kindWords } from '../text/relation-text.ts'
import { entry, type StructureEntry } from './entry.ts'

/**
 * Whose an object is that does not belong to the schema's owner: that one may alter it and give it to others. Nor is one told that is
 * the reader's, as all of a template is, and so all of a clone.
 */
export function ownerEntries(lookup: Lookup, tenant: string | undefined): readonly StructureEntry[] {
  const { schema, relations, types, functions, statistics } = lookup.catalog
  const expected = new Set([schema.owner, schema.me])
  const owned = [
    ...relations
      // A composite type is told as a type. A sequence that is an identity's goes with its table.
      .filter(({ kind, oid }) => kind !== 'c' && lookup.sequence(oid)?.isIdentity !== true)
      .map(({ kind, name, owner }) => ({ owner, object: `${kindWords(kind).toLowerCase()} ${name}` })),
    ...types
      // What a range brings goes with it.
      .filter(({ type }) => type !== 'm')
      .map(({ type, name, owner }) => ({ owner, object: `${type === 'd' ? 'domain' : 'type'} ${name}` })),
    ...functions
      .filter(({ ofRange }) => !ofRange)
      .map(item => ({ owner: item.owner, object: `function ${calledBy(item)}` })),
    ...statistics.map(({ name, owner }) => ({ owner, object: `statistics ${name}` })),
  ]
  return owned
    .filter(({ owner }) => !expected.has(owner))
    .map(({ owner, object }) => {
      const who = owner === tenant ? "the tenant's role" : owner
      return entry('owner', `${who} of ${object}`, who)
    })
}
