import type { ColumnFacts, ConstraintFacts, RelationFacts } from '../catalog/facts.ts'
import type { Lookup } from '../lookup.ts'
import { inherits } from '../text/relation-text.ts'
import type { Part } from './order.ts'

/** A part before it is known what it needs. */
export type LoosePart = Omit<Part, 'needs'>

/** What can be said of a table when it is made, or later: defaults and constraints. */
export function tableParts(table: RelationFacts, lookup: Lookup): readonly LoosePart[] {
  const constraints = lookup
    .constraints(table.oid)
    .filter(({ isLocal }) => isLocal || !inherits(table))
    .map(constraint => constraintPart(constraint, table))
  return [...defaultParts(table, lookup), ...constraints]
}

function defaultParts(table: RelationFacts, lookup: Lookup): readonly LoosePart[] {
  return lookup.columns(table.oid).flatMap(column => {
    const { number, name, generated, defaultOid } = column
    const brought = inherits(table) && !column.isLocal
    const alter = `ALTER TABLE ONLY ${table.name} ALTER COLUMN ${name}`
    const part = { name: `default of ${table.name}.${name}`, column: number }
    if (generated !== '') return []
    if (defaultOid === null) {
      // It comes with the ancestor's default, and had it dropped.
      const dropped = brought && ancestorColumns(table, name, lookup).some(ancestor => ancestor.default !== null)
      return dropped ? [{ ...part, provides: [], inline: undefined, later: `${alter} DROP DEFAULT` }] : []
    }
    const text = `DEFAULT ${column.default}`
    const inline = brought ? undefined : text
    return [{ ...part, provides: [`pg_attrdef ${defaultOid}`], inline, later: `${alter} SET ${text}` }]
  })
}

function constraintPart(constraint: ConstraintFacts, table: RelationFacts): LoosePart {
  const { oid, name, definition, validated, index } = constraint
  const text = `CONSTRAINT ${name} ${definition}`
  return {
    name: `constraint ${name} of ${table.name}`,
    provides: [`pg_constraint ${oid}`, ...(index === null ? [] : [`pg_class ${index}`])],
    // In a new table the server takes every constraint for valid.
    inline: validated ? text : undefined,
    later: `ALTER TABLE ${table.name} ADD ${text}`,
  }
}

/** The columns that an inherited one may come from, of near and far ancestors: each may have been altered after the next was made. */
export function ancestorColumns(table: RelationFacts, name: string, lookup: Lookup): readonly ColumnFacts[] {
  const { relations } = lookup.catalog
  const parents = relations.filter(({ oid }) => table.parents.includes(oid))
  return parents.flatMap(parent => [
    ...lookup.columns(parent.oid).filter(column => column.name === name),
    ...ancestorColumns(parent, name, lookup),
  ])
}
