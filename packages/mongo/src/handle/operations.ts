import type { OptionKind } from '../fence/operation-options.ts'

/** What stands at a place of an operation's arguments. */
export type ArgumentKind =
  | 'document'
  | 'documents'
  | 'filter'
  | 'update'
  | 'replacement'
  | 'models'
  | 'field'
  | 'index key'
  | 'index specs'
  | 'index name'
  | 'index names'

/** An operation of a collection that resolves once: its arguments, and the kind of the options behind them. */
export interface OperationRule {
  readonly arguments: readonly ArgumentKind[]
  readonly options: OptionKind
}

const rule = (options: OptionKind, ...kinds: readonly ArgumentKind[]): OperationRule => ({ arguments: kinds, options })

/** The operations that a collection has here. Those that open a cursor have a file of their own. */
export const operations = {
  insertOne: rule('insert', 'document'),
  insertMany: rule('insert', 'documents'),
  bulkWrite: rule('insert', 'models'),
  updateOne: rule('change', 'filter', 'update'),
  updateMany: rule('change', 'filter', 'update'),
  replaceOne: rule('change', 'filter', 'replacement'),
  deleteOne: rule('change', 'filter'),
  deleteMany: rule('change', 'filter'),
  findOne: rule('find', 'filter'),
  findOneAndUpdate: rule('findAnd', 'filter', 'update'),
  findOneAndReplace: rule('findAnd', 'filter', 'replacement'),
  findOneAndDelete: rule('findAnd', 'filter'),
  countDocuments: rule('read', 'filter'),
  estimatedDocumentCount: rule('plain'),
  distinct: rule('read', 'field', 'filter'),
  createIndex: rule('index', 'index key'),
  createIndexes: rule('index', 'index specs'),
  dropIndex: rule('plain', 'index name'),
  dropIndexes: rule('plain'),
  indexes: rule('plain'),
  indexExists: rule('plain', 'index names'),
  indexInformation: rule('plain'),
  options: rule('plain'),
  isCapped: rule('plain'),
  drop: rule('plain'),
} as const satisfies Record<string, OperationRule>
