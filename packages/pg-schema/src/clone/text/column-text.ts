import type { ColumnFacts } from '../catalog/facts.ts'
import type { Lookup } from '../lookup.ts'
import { words } from '../names.ts'
import { optionText } from './option-text.ts'
import { identityText } from './sequence-text.ts'
import { collate } from './type-text.ts'

/** A column's type and all that can only be said where it is made; not its default. */
export function columnText(column: ColumnFacts, lookup: Lookup): string {
  return words(
    column.name,
    column.type,
    collate(column),
    generationText(column),
    identityOf(column, lookup),
    saysNotNull(column, lookup) && 'NOT NULL',
  )
}

/** What a generated column is made of. */
function generationText({ generated, default: expression }: ColumnFacts): string {
  if (generated === '') return ''
  return `GENERATED ALWAYS AS (${expression}) ${generated === 'v' ? 'VIRTUAL' : 'STORED'}`
}

function identityOf(column: ColumnFacts, lookup: Lookup): string {
  const sequence = lookup.identity(column)
  // A partition gets it when it becomes one, and could not become one with it.
  if (column.identity === '' || sequence === undefined) return ''
  return identityText(column, { ...sequence, name: lookup.relation(sequence.oid).name })
}

/** Since version 18 it is a constraint, with a name of its own. */
export function saysNotNull(column: ColumnFacts, lookup: Lookup): boolean {
  if (!column.notNull) return false
  return !lookup
    .constraints(column.relation)
    .some(({ type, column: number }) => type === 'n' && number === column.number)
}

const storages: Readonly<Record<string, string>> = { p: 'PLAIN', e: 'EXTERNAL', m: 'MAIN', x: 'EXTENDED' }
const compressions: Readonly<Record<string, string>> = { p: 'pglz', l: 'lz4' }

/** What else is set for a column, each as an action of `ALTER COLUMN`. */
export function columnSettings({ storage, compression, statisticsTarget, options }: ColumnFacts): readonly string[] {
  return [
    ...(storage === null ? [] : [`SET STORAGE ${storages[storage] ?? storage}`]),
    ...(compression === '' ? [] : [`SET COMPRESSION ${compressions[compression] ?? compression}`]),
    ...(statisticsTarget === null ? [] : [`SET STATISTICS ${statisticsTarget}`]),
    ...(options === null ? [] : [`SET (${options.map(optionText).join(', ')})`]),
  ]
}
