import type {
  Catalog,
  ColumnFacts,
  ConstraintFacts,
  IndexFacts,
  Oid,
  RelationFacts,
  SequenceFacts,
  TypeFacts,
} from './catalog/facts.ts'

/** A catalogue with its parts at hand. */
export interface Lookup {
  readonly catalog: Catalog
  relation(oid: Oid): RelationFacts
  type(oid: Oid): TypeFacts | undefined
  columns(relation: Oid): readonly ColumnFacts[]
  column(relation: Oid, number: number): ColumnFacts
  constraints(relation: Oid): readonly ConstraintFacts[]
  indexes(relation: Oid): readonly IndexFacts[]
  index(oid: Oid): IndexFacts | undefined
  /** The constraint that an index serves. */
  constraintOf(index: Oid): ConstraintFacts | undefined
  /** The sequence of an identity column. */
  identity(column: ColumnFacts): SequenceFacts | undefined
  /** What a sequence counts. */
  sequence(oid: Oid): SequenceFacts | undefined
  /** The partitioned table of a partition. */
  partitioned(relation: RelationFacts): Oid | undefined
}

export function lookUp(catalog: Catalog): Lookup {
  const relations = new Map(catalog.relations.map(relation => [relation.oid, relation]))
  const types = new Map(catalog.types.map(type => [type.oid, type]))
  const columns = grouped(catalog.columns, ({ relation }) => relation)
  const constraints = grouped(catalog.constraints, ({ relation }) => relation)
  const indexes = grouped(catalog.indexes, ({ relation }) => relation)
  const indexByOid = new Map(catalog.indexes.map(index => [index.oid, index]))
  const served = new Map(catalog.constraints.map(constraint => [constraint.index, constraint]))
  const sequences = new Map(catalog.sequences.map(sequence => [sequence.oid, sequence]))
  const identities = new Map(
    catalog.sequences
      .filter(({ isIdentity }) => isIdentity)
      .map(sequence => [`${sequence.ownerTable} ${sequence.ownerColumn}`, sequence]),
  )
  return {
    catalog,
    relation: oid => found(relations.get(oid), oid),
    type: oid => types.get(oid),
    columns: oid => columns.get(oid) ?? [],
    column: (oid, number) =>
      found(
        columns.get(oid)?.find(column => column.number === number),
        number,
      ),
    constraints: oid => constraints.get(oid) ?? [],
    indexes: oid => indexes.get(oid) ?? [],
    index: oid => indexByOid.get(oid),
    constraintOf: oid => served.get(oid),
    identity: ({ relation, number }) => identities.get(`${relation} ${number}`),
    sequence: oid => sequences.get(oid),
    partitioned: ({ isPartition, parents }) => (isPartition ? parents[0] : undefined),
  }
}

function grouped<T, K>(list: readonly T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of list) {
    const group = groups.get(key(item))
    if (group === undefined) groups.set(key(item), [item])
    else group.push(item)
  }
  return groups
}

function found<T>(value: T | undefined, oid: Oid | number): T {
  if (value === undefined) throw new Error(`The catalogue changed while it was read: ${oid} is not there.`)
  return value
}
