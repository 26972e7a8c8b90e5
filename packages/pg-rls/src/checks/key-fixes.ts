import { quoteIdentifier, quoteQualified } from '@tenantry/pg'
import type { ReferenceFacts, TableFacts, UniqueFacts } from '../catalog.ts'
import { referentialActions } from '../catalog-sql.ts'

/** The statements that put the tenant column into a unique key; foreign keys that lean on it are mended first. */
export function uniqueFix(
  table: TableFacts,
  unique: UniqueFacts,
  column: string,
  tables: readonly TableFacts[],
): string {
  const tenant = quoteIdentifier(column)
  const leaning = tables.flatMap(other =>
    other.looseReferences
      .filter(reference => reference.index === unique.oid)
      .map(reference => referenceFix(other, reference, column)),
  )
  const name = quoteIdentifier(unique.name)
  const own = unique.constraint
    ? `alter table ${quoteQualified(table.schema, table.name)} drop constraint ${name}, add constraint ${name} ${unique.definition.replace('(', `(${tenant}, `)}`
    : `drop index ${quoteQualified(table.schema, unique.name)}; ${unique.definition.replace(/ USING (\w+) \(/, ` USING $1 (${tenant}, `)}`
  return [...leaning, own].join('; ')
}

/** The statements that make a foreign key compare the tenant columns too. */
export function referenceFix(table: TableFacts, reference: ReferenceFacts, column: string): string {
  const { target, deferrable, deferred, onDelete, onUpdate, columns } = reference
  const name = quoteIdentifier(reference.name)
  const owner = `alter table ${quoteQualified(table.schema, table.name)} drop constraint ${name}`
  if (columns.length === 0) return owner
  const own = columns.map(quoteIdentifier).join(', ')
  const tenant = quoteIdentifier(column)
  const there = `${quoteQualified(target.schema, target.name)} (${[column, ...reference.referenced].map(quoteIdentifier).join(', ')})`
  const parts = [`${owner}, add constraint ${name} foreign key (${tenant}, ${own}) references ${there}`]
  // Only the other columns are emptied: a row never loses its tenant.
  const only = onDelete === 'n' || onDelete === 'd' ? ` (${own})` : ''
  if (onDelete !== 'a') parts.push(`on delete ${referentialActions[onDelete]}${only}`)
  if (onUpdate !== 'a') parts.push(`on update ${referentialActions[onUpdate]}`)
  if (deferrable) parts.push(`deferrable initially ${deferred ? 'deferred' : 'immediate'}`)
  return [...(reference.keyed ? [] : [`create unique index on ${there}`]), parts.join(' ')].join('; ')
}
