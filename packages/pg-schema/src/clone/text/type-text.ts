import type { ColumnFacts, TypeFacts } from '../catalog/facts.ts'
import type { Lookup } from '../lookup.ts'
import { words } from '../names.ts'

/** The statement that makes a type. A domain's default and checks are said apart, since they may call what needs the domain. */
export function typeText(type: TypeFacts, attributes: readonly ColumnFacts[], inline: readonly string[]): string {
  switch (type.type) {
    case 'e':
      return `CREATE TYPE ${type.name} AS ENUM (${type.labels?.join(', ')})`
    case 'c':
      return `CREATE TYPE ${type.name} AS (${attributes.map(attributeText).join(', ')})`
    case 'd':
      return words(`CREATE DOMAIN ${type.name} AS ${type.base}`, collate(type), ...inline)
    case 'r':
      return `CREATE TYPE ${type.name} AS RANGE (${rangeOptions(type).join(', ')})`
    default:
      return `TYPE ${type.name} of the kind ${type.type}`
  }
}

/** A column of a composite type. */
export function attributeText(column: ColumnFacts): string {
  return words(column.name, column.type, collate(column))
}

export function collate({ collation }: { readonly collation: string | null }): string {
  return collation === null ? '' : `COLLATE ${collation}`
}

function rangeOptions({ range }: TypeFacts): readonly string[] {
  if (range === null) return []
  const { subtype, opclass, collation, canonical, difference, multirange } = range
  return [
    `SUBTYPE = ${subtype}`,
    ...(opclass === null ? [] : [`SUBTYPE_OPCLASS = ${opclass}`]),
    ...(collation === null ? [] : [`COLLATION = ${collation}`]),
    ...(canonical === null ? [] : [`CANONICAL = ${canonical}`]),
    ...(difference === null ? [] : [`SUBTYPE_DIFF = ${difference}`]),
    `MULTIRANGE_TYPE_NAME = ${multirange}`,
  ]
}

/** Since version 17 it is a constraint, with a name of its own. */
export function domainNotNull({ oid, notNull }: TypeFacts, { catalog }: Lookup): string {
  const named = catalog.constraints.some(({ type, domain }) => type === 'n' && domain === oid)
  return notNull && !named ? 'NOT NULL' : ''
}
