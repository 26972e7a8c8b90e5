import type { Lookup } from '../lookup.ts'
import type { PrivilegeTerms } from '../privileges/privileges.ts'
import { attachmentEntries } from './attachment-entries.ts'
import { codeEntries } from './code-entries.ts'
import type { StructureEntry } from './entry.ts'
import { grantEntries } from './grant-entries.ts'
import { ownerEntries } from './owner-entries.ts'
import { relationEntries } from './relation-entries.ts'

/** All that there is in a schema, sorted. */
export type Structure = readonly StructureEntry[]

/** Tells a catalogue so that it can be compared with another schema's. */
export function describe(lookup: Lookup, terms: PrivilegeTerms): Structure {
  const entries = [
    ...relationEntries(lookup),
    ...attachmentEntries(lookup, terms.tenant),
    ...codeEntries(lookup),
    ...ownerEntries(lookup, terms.tenant),
    ...grantEntries(lookup, terms),
  ]
  const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
  return entries.sort((a, b) => order(a.kind, b.kind) || order(a.name, b.name))
}
