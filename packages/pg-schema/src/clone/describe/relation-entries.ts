import type { ColumnFacts, RelationFacts } from '../catalog/facts.ts'
import type { Lookup } from '../lookup.ts'
import { words } from '../names.ts'
import { columnSettings, columnText } from '../text/column-text.ts'
import { kindWords, tableFacets, tableSettings, viewText } from '../text/relation-text.ts'
import { identityText, ownerText, persistenceText, sequenceText } from '../text/sequence-text.ts'
import { entry, inherited, lines, type StructureEntry } from './entry.ts'

/** Tables with their columns, views, sequences that are nobody's identity. A composite type is told as a type. */
export function relationEntries(lookup: Lookup): readonly StructureEntry[] {
  return lookup.catalog.relations.flatMap(relation => {
    switch (relation.kind) {
      case 'r':
      case 'p':
        return tableEntries(relation, lookup)
      case 'v':
      case 'm':
        return [viewEntry(relation, lookup)]
      case 'S':
        return sequenceEntries(relation, lookup)
      case 'c':
        return []
      default:
        return [entry(`relation of the kind ${relation.kind}`, relation.name, 'not compared')]
    }
  })
}

function tableEntries(table: RelationFacts, lookup: Lookup): readonly StructureEntry[] {
  const columns = lookup.columns(table.oid)
  const definition = lines(
    `${table.persistence === 'u' ? 'UNLOGGED ' : ''}TABLE`,
    tableFacets(table).trim(),
    table.isPartition && `PARTITION OF ${table.parentNames[0]} ${table.bound}`,
    ...tableSettings(table, lookup),
  )
  return [
    { ...entry('table', table.name, definition), columns: columns.map(({ name }) => name) },
    ...columns.map(column => columnEntry(column, table, lookup)),
  ]
}

function columnEntry(column: ColumnFacts, table: RelationFacts, lookup: Lookup): StructureEntry {
  const sequence = lookup.identity(column)
  const definition = lines(
    words(
      columnText(column, lookup),
      column.identity !== '' && sequence === undefined && identityText(column, undefined),
      column.generated === '' && column.default !== null && `DEFAULT ${column.default}`,
    ),
    sequence && persistenceText(lookup.relation(sequence.oid), table.persistence),
    ...columnSettings(column),
    inherited(column),
  )
  return entry('column', `${table.name}.${column.name}`, definition)
}

function viewEntry(view: RelationFacts, lookup: Lookup): StructureEntry {
  const columns = lookup.columns(view.oid)
  const actions = columns.flatMap(column => [
    ...(column.default === null ? [] : [`ALTER COLUMN ${column.name} SET DEFAULT ${column.default}`]),
    ...columnSettings(column).map(setting => `ALTER COLUMN ${column.name} ${setting}`),
  ])
  const populated = view.kind === 'm' && !view.populated && 'NOT POPULATED'
  return entry(
    kindWords(view.kind).toLowerCase(),
    view.name,
    lines(viewText(view), ...actions, ...tableSettings(view, lookup), populated),
  )
}

function sequenceEntries(relation: RelationFacts, lookup: Lookup): readonly StructureEntry[] {
  const sequence = lookup.sequence(relation.oid)
  if (sequence === undefined || sequence.isIdentity) return []
  return [entry('sequence', relation.name, lines(sequenceText(relation, sequence), ownerText(sequence, lookup)))]
}
