import type { ColumnFacts, Oid, RelationFacts } from '../catalog/facts.ts'
import type { Lookup } from '../lookup.ts'
import type { Text } from '../names.ts'
import { literal } from '../text/option-text.ts'
import type { Edge } from './needs.ts'

/** The statements that copy the rows of a table of the template, and let its sequences go on after them. */
export function versionRowTexts(table: RelationFacts, lookup: Lookup, edges: readonly Edge[]): readonly Text[] {
  const template = lookup.catalog.schema.quoted
  const columns = lookup.columns(table.oid).filter(({ generated }) => generated === '')
  const names = columns.map(({ name }) => name).join(', ')
  // A type of the template's is not the clone's of the same name, which the path finds: what they have in common is the text.
  const values = columns.map(({ name, type, ownType }) => (ownType ? `${name}::text::${type}` : name)).join(', ')
  const only = table.kind === 'p' ? '' : 'ONLY '
  const copy = `INSERT INTO ${table.name} (${names}) OVERRIDING SYSTEM VALUE SELECT ${values} FROM ${only}${template}.${table.name}`
  return [
    columns.length === 0 ? `INSERT INTO ${table.name} SELECT FROM ${only}${template}.${table.name}` : copy,
    ...columns.flatMap(column => sequencesOf(column, lookup, edges).map(oid => goOn(oid, column, table, lookup))),
  ]
}

/** The identity's sequence, and those that the default counts by. */
function sequencesOf(column: ColumnFacts, lookup: Lookup, edges: readonly Edge[]): readonly Oid[] {
  const identity = lookup.identity(column)?.oid
  const used = edges.filter(({ from }) => from === `pg_attrdef ${column.defaultOid}`).map(({ to }) => to)
  const counted = lookup.catalog.sequences.filter(({ oid }) => used.includes(`pg_class ${oid}`)).map(({ oid }) => oid)
  return [...(identity === undefined ? [] : [identity]), ...counted]
}

const counting = ['smallint', 'integer', 'bigint']

/**
 * Where the template's sequence is, or behind the last row where rows were numbered without it: a number that comes again would stop
 * the tenant's first migration.
 */
function goOn(oid: Oid, column: ColumnFacts, table: RelationFacts, lookup: Lookup): Text {
  const { name } = lookup.relation(oid)
  const template = lookup.catalog.schema.quoted
  const down = lookup.sequence(oid)?.increment.startsWith('-')
  const set = (value: string, called: string) => `pg_catalog.setval(${literal(name)}, ${value}, ${called})`
  const from = `FROM ${template}.${name} s`
  if (!counting.includes(column.type)) return `SELECT ${set('s.last_value', 's.is_called')} ${from}`
  const [last, beyond] = down ? ['min', '<'] : ['max', '>']
  const behind = `t.last ${beyond} s.last_value OR t.last = s.last_value`
  const value = `CASE WHEN ${behind} THEN t.last ELSE s.last_value END`
  return `SELECT ${set(value, `${behind} OR s.is_called`)} ${from}, (SELECT pg_catalog.${last}(${column.name})::bigint AS last FROM ${table.name}) t`
}
