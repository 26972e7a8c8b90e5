import type { RelationFacts } from '../catalog/facts.ts'
import type { Lookup } from '../lookup.ts'
import { columnText } from './column-text.ts'
import { withOptions } from './option-text.ts'

/** By what a relation is spoken of: `TABLE notes`. */
export function relationAddress({ kind, name }: Pick<RelationFacts, 'kind' | 'name'>): string {
  return `${kindWords(kind)} ${name}`
}

/** What a relation is called in statements. */
export function kindWords(kind: string): string {
  return words[kind] ?? 'TABLE'
}

const words: Readonly<Record<string, string>> = {
  v: 'VIEW',
  m: 'MATERIALIZED VIEW',
  S: 'SEQUENCE',
  c: 'TYPE',
  f: 'FOREIGN TABLE',
}

/** Where and how a relation is stored. */
function storageText({ method, options, tablespace }: RelationFacts): string {
  const using = method === null || method === 'heap' ? '' : ` USING ${method}`
  return `${using}${withOptions(options)}${tablespace === null ? '' : ` TABLESPACE ${tablespace}`}`
}

/** Whether its columns are made where it inherits from; a partition is made by itself and becomes one later. */
export function inherits({ isPartition, parents }: RelationFacts): boolean {
  return !isPartition && parents.length > 0
}

/** The statement that makes a table; `inline` are the defaults by column, and the constraints, that are said at once. */
export function tableText(
  table: RelationFacts,
  lookup: Lookup,
  inline: { readonly defaults: ReadonlyMap<number, string>; readonly constraints: readonly string[] },
): string {
  const columns = lookup
    .columns(table.oid)
    .filter(({ isLocal }) => isLocal || !inherits(table))
    .map(column => [columnText(column, lookup), inline.defaults.get(column.number)].filter(Boolean).join(' '))
  const lines = [...columns, ...inline.constraints].map(line => `\n  ${line}`).join(',')
  return `CREATE ${table.persistence === 'u' ? 'UNLOGGED ' : ''}TABLE ${table.name} (${lines}\n)${tableFacets(table)}`
}

/** What a table is beyond its columns and constraints, as `CREATE TABLE` has it behind them. */
export function tableFacets(table: RelationFacts): string {
  const parents = inherits(table) ? `\nINHERITS (${table.parentNames.join(', ')})` : ''
  const partitioned = table.partitionKey === null ? '' : `\nPARTITION BY ${table.partitionKey}`
  return `${parents}${partitioned}${storageText(table)}`
}

/** The statement that makes a view, or a materialised view that has no rows yet. */
export function viewText(view: RelationFacts): string {
  const query = view.query?.replace(/;$/, '')
  return view.kind === 'v'
    ? `CREATE VIEW ${view.name}${withOptions(view.options)} AS\n${query}`
    : `CREATE MATERIALIZED VIEW ${view.name}${storageText(view)} AS\n${query}\nWITH NO DATA`
}

/** What is said of a table once it is there, each as an action of `ALTER TABLE`. */
export function tableSettings(table: RelationFacts, lookup: Lookup): readonly string[] {
  const indexes = lookup.indexes(table.oid)
  const clustered = indexes.find(index => index.clustered)
  return [
    ...(table.ofType === null ? [] : [`OF ${table.ofType}`]),
    ...(table.rowSecurity ? ['ENABLE ROW LEVEL SECURITY'] : []),
    ...(table.forced ? ['FORCE ROW LEVEL SECURITY'] : []),
    ...(clustered === undefined ? [] : [`CLUSTER ON ${clustered.name}`]),
    ...(table.kind === 'r' || table.kind === 'p' ? identitySetting(table, lookup) : []),
  ]
}

function identitySetting({ oid, replicaIdentity }: RelationFacts, lookup: Lookup): readonly string[] {
  const index = lookup.indexes(oid).find(({ isIdentity }) => isIdentity)
  switch (replicaIdentity) {
    case 'd':
      return []
    case 'f':
      return ['REPLICA IDENTITY FULL']
    case 'i':
      // The server identifies nothing once the index is gone.
      return [index === undefined ? 'REPLICA IDENTITY NOTHING' : `REPLICA IDENTITY USING INDEX ${index.name}`]
    default:
      return ['REPLICA IDENTITY NOTHING']
  }
}
