import type { Lookup } from '../lookup.ts'
import { calledBy, functionText } from '../text/function-text.ts'
import { domainNotNull, typeText } from '../text/type-text.ts'
import { entry, type StructureEntry } from './entry.ts'

const typeKinds: Readonly<Record<string, string>> = { c: 'composite type', d: 'domain', e: 'enum', r: 'range type' }

/** Types and functions, and by their names what else there is. */
export function codeEntries(lookup: Lookup): readonly StructureEntry[] {
  const { types, functions, others, name } = lookup.catalog
  return [
    ...types
      // The multirange type comes with the range.
      .filter(({ type }) => type !== 'm')
      .map(type => {
        const inline = [type.default === null ? '' : `DEFAULT ${type.default}`, domainNotNull(type, lookup)]
        const kind = typeKinds[type.type] ?? `type of the kind ${type.type}`
        return entry(kind, type.name, typeText(type, lookup.columns(type.relation), inline))
      }),
    ...functions
      .filter(({ ofRange }) => !ofRange)
      .map(item => {
        const kind = item.kind === 'p' ? 'procedure' : item.kind === 'a' ? 'aggregate' : 'function'
        return entry(kind, calledBy(item), functionText(item, name))
      }),
    ...others.map(other => entry('other object', other.name, 'not compared')),
  ]
}
