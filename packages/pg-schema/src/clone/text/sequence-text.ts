import type { ColumnFacts, RelationFacts, SequenceFacts } from '../catalog/facts.ts'
import type { Lookup } from '../lookup.ts'

/** What a sequence counts. It begins anew in a clone. */
export function sequenceOptions({ start, increment, minimum, maximum, cache, cycle }: SequenceFacts): string {
  return `START WITH ${start} INCREMENT BY ${increment} MINVALUE ${minimum} MAXVALUE ${maximum} CACHE ${cache}${cycle ? ' CYCLE' : ''}`
}

/** The statement that makes a sequence, which belongs to no column yet. */
export function sequenceText({ name, persistence }: RelationFacts, sequence: SequenceFacts): string {
  return `CREATE ${persistence === 'u' ? 'UNLOGGED ' : ''}SEQUENCE ${name} AS ${sequence.type} ${sequenceOptions(sequence)}`
}

/** `GENERATED … AS IDENTITY`; a partition's column has the sequence of the partitioned table's and names none. */
export function identityText(
  { identity }: ColumnFacts,
  sequence: (SequenceFacts & { readonly name: string }) | undefined,
): string {
  const how = `GENERATED ${identity === 'a' ? 'ALWAYS' : 'BY DEFAULT'} AS IDENTITY`
  return sequence === undefined ? how : `${how} (SEQUENCE NAME ${sequence.name} ${sequenceOptions(sequence)})`
}

/** `OWNED BY` the column that a sequence goes with; nothing where there is none. */
export function ownerText({ ownerTable, ownerColumn }: SequenceFacts, lookup: Lookup): string {
  if (ownerTable === null || ownerColumn === null) return ''
  return `OWNED BY ${lookup.relation(ownerTable).name}.${lookup.column(ownerTable, ownerColumn).name}`
}

/** How an identity's sequence is stored, where that is not as its table is. */
export function persistenceText({ persistence }: Pick<RelationFacts, 'persistence'>, ofTable: string): string {
  if (persistence === ofTable) return ''
  return persistence === 'u' ? 'SET UNLOGGED' : 'SET LOGGED'
}
