import type { Catalog, IndexFacts, RelationFacts, TypeFacts } from '../catalog/facts.ts'
import type { Lookup } from '../lookup.ts'
import { indexText, statisticsText } from '../text/attachment-text.ts'
import { functionText } from '../text/function-text.ts'
import { relationAddress, tableText, viewText } from '../text/relation-text.ts'
import { sequenceText } from '../text/sequence-text.ts'
import { domainNotNull, typeText } from '../text/type-text.ts'
import { type Edge, needsOf } from './needs.ts'
import type { Unit } from './order.ts'
import { type LoosePart, tableParts } from './table-parts.ts'

/** A unit before it is known what it needs. */
type LooseUnit = Omit<Unit, 'needs' | 'parts'> & {
  readonly parts: readonly LoosePart[]
  readonly also?: readonly string[]
}

/** What there is to be made, in the order in which the template was, so that few things must be said later. */
export function unitsOf(lookup: Lookup, edges: readonly Edge[]): readonly Unit[] {
  const { catalog } = lookup
  const loose = [
    ...catalog.types.filter(({ type }) => type !== 'm').map(type => typeUnit(type, lookup)),
    ...catalog.relations.flatMap(relation => relationUnits(relation, lookup)),
    ...catalog.functions
      .filter(({ ofRange }) => !ofRange)
      .map(item => ({
        ...{ name: `function ${item.name}(${item.signature})`, provides: [`pg_proc ${item.oid}`], parts: [] },
        text: () => functionText(item, catalog.name),
      })),
    ...ownIndexes(catalog).map(index => ({
      ...{ name: `index ${index.name}`, provides: [`pg_class ${index.oid}`], parts: [] },
      // A part of a partitioned index depends on that, and on its table in another way.
      also: [`pg_class ${index.relation}`],
      text: () => indexText(index, lookup),
    })),
    ...catalog.statistics.map(item => ({
      ...{ name: `statistics ${item.name}`, provides: [`pg_statistic_ext ${item.oid}`], parts: [] },
      text: () => statisticsText(item, lookup),
    })),
  ]
  return tied(loose, edges, lookup)
}

/** Those of partitions in the order of the indexes that they are parts of: of two that are alike the server takes the first. */
function ownIndexes({ indexes }: Catalog): readonly IndexFacts[] {
  const rank = ({ parent }: IndexFacts) => (parent === null ? Number.MAX_SAFE_INTEGER : Number(parent))
  return indexes.filter(({ definition }) => definition !== null).sort((a, b) => rank(a) - rank(b))
}

function tied(loose: readonly LooseUnit[], catalogued: readonly Edge[], lookup: Lookup): readonly Unit[] {
  const defaults = new Set(
    lookup.catalog.types.filter(type => type.default !== null).map(({ oid }) => `pg_type ${oid}`),
  )
  // The server notes for the domain what its default needs, and other types that the domain itself needs.
  const edges = catalogued.map(edge =>
    defaults.has(edge.from) && !edge.to.startsWith('pg_type ')
      ? { ...edge, from: edge.from.replace('pg_type', 'default') }
      : edge,
  )
  const provided = new Set(
    loose.flatMap(({ provides, parts }) => [...provides, ...parts.flatMap(part => part.provides)]),
  )
  const needs = needsOf(edges, provided, lookup)
  return loose.map(({ parts, also = [], ...unit }) => ({
    ...unit,
    needs: new Set([...needs(unit.provides), ...also]),
    parts: parts.map(part => ({ ...part, needs: needs(part.provides) })),
  }))
}

function typeUnit(type: TypeFacts, lookup: Lookup): LooseUnit {
  const provides = [`pg_type ${type.oid}`, ...(type.type === 'c' ? [`pg_class ${type.relation}`] : [])]
  return {
    ...{ name: `type ${type.name}`, provides, parts: domainParts(type, lookup) },
    text: inline =>
      typeText(type, lookup.columns(type.relation), [
        domainNotNull(type, lookup),
        ...inline.map(part => part.inline ?? ''),
      ]),
  }
}

function domainParts({ oid, name, type, default: value }: TypeFacts, { catalog }: Lookup): readonly LoosePart[] {
  if (type !== 'd') return []
  const constraints = catalog.constraints.filter(({ domain }) => domain === oid)
  return [
    ...(value === null
      ? []
      : [
          {
            ...{ name: `default of ${name}`, provides: [`default ${oid}`] },
            ...{ inline: `DEFAULT ${value}`, later: `ALTER DOMAIN ${name} SET DEFAULT ${value}` },
          },
        ]),
    ...constraints.map(constraint => {
      const text = `CONSTRAINT ${constraint.name} ${constraint.definition}`
      return {
        ...{ name: `constraint ${constraint.name} of ${name}`, provides: [`pg_constraint ${constraint.oid}`] },
        ...{ inline: constraint.validated ? text : undefined, later: `ALTER DOMAIN ${name} ADD ${text}` },
      }
    }),
  ]
}

function relationUnits(relation: RelationFacts, lookup: Lookup): readonly LooseUnit[] {
  const provides = [`pg_class ${relation.oid}`]
  const name = relationAddress(relation).toLowerCase()
  switch (relation.kind) {
    case 'r':
    case 'p':
      return [tableUnit(relation, lookup), ...partitionUnits(relation, lookup)]
    case 'v':
    case 'm':
      return [{ ...{ name, provides, parts: [] }, text: () => viewText(relation) }]
    case 'S': {
      const sequence = lookup.sequence(relation.oid)
      if (sequence === undefined || sequence.isIdentity) return []
      return [{ ...{ name, provides, parts: [] }, text: () => sequenceText(relation, sequence) }]
    }
    default:
      return []
  }
}

function tableUnit(table: RelationFacts, lookup: Lookup): LooseUnit {
  const generated = lookup.columns(table.oid).filter(column => column.generated !== '')
  return {
    name: `table ${table.name}`,
    provides: [`pg_class ${table.oid}`, ...generated.map(({ defaultOid }) => `pg_attrdef ${defaultOid}`)],
    parts: tableParts(table, lookup),
    text: inline => {
      const defaults = inline.filter(({ column }) => column !== undefined)
      const constraints = inline.filter(({ column }) => column === undefined)
      return tableText(table, lookup, {
        defaults: new Map(defaults.map(({ column = 0, inline: text = '' }) => [column, text])),
        constraints: constraints.map(({ inline: text = '' }) => text),
      })
    },
  }
}

/** A partition becomes one when both tables have their constraints and indexes: the server finds which belong together. */
function partitionUnits(table: RelationFacts, lookup: Lookup): readonly LooseUnit[] {
  const parent = lookup.partitioned(table)
  if (parent === undefined) return []
  const also = [parent, table.oid].flatMap(oid => [
    `pg_class ${oid}`,
    ...lookup.indexes(oid).map(index => `pg_class ${index.oid}`),
    ...lookup
      .constraints(oid)
      .filter(({ type }) => type !== 'f')
      .map(constraint => `pg_constraint ${constraint.oid}`),
  ])
  const text = `ALTER TABLE ONLY ${table.parentNames[0]} ATTACH PARTITION ${table.name} ${table.bound}`
  return [
    { ...{ name: `partition ${table.name}`, provides: [`partition ${table.oid}`], parts: [], also }, text: () => text },
  ]
}
