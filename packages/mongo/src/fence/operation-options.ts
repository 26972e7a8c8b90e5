import { ReadConcern, ReadPreference, WriteConcern } from 'mongodb'
import { type BsonWays, canonical } from './canonical.ts'
import { checkValues, type FenceRules } from './check-values.ts'
import { invalid, refuse } from './refuse.ts'

const any = ['comment', 'maxTimeMS', 'readConcern', 'readPreference', 'writeConcern', 'signal', 'timeoutMS']
const bson = [
  'promoteValues',
  'promoteLongs',
  'promoteBuffers',
  'useBigInt64',
  'bsonRegExp',
  'raw',
  'fieldsAsRaw',
  'enableUtf8Validation',
]
const write = [
  ...any,
  ...bson,
  'ignoreUndefined',
  'serializeFunctions',
  'bypassDocumentValidation',
  'forceServerObjectId',
  'ordered',
]
const read = [
  ...any,
  ...bson,
  'ignoreUndefined',
  'collation',
  'hint',
  'let',
  'batchSize',
  'allowDiskUse',
  'limit',
  'skip',
]
const change = [...write, 'arrayFilters', 'collation', 'hint', 'let', 'sort', 'upsert']
const index = [
  ...[
    'unique',
    'name',
    'partialFilterExpression',
    'sparse',
    'expireAfterSeconds',
    'hidden',
    'version',
    'background',
    'collation',
  ],
  ...[
    'weights',
    'default_language',
    'language_override',
    'textIndexVersion',
    '2dsphereIndexVersion',
    'bits',
    'min',
    'max',
  ],
  'wildcardProjection',
]

/** The options that each kind of operation may have. `session`, `dbName`, `authdb`, `out` and what is new are not among them. */
const known = {
  collection: [...bson, 'ignoreUndefined', 'serializeFunctions', 'readConcern', 'readPreference', 'writeConcern'],
  insert: write,
  change,
  findAnd: [...change, 'projection', 'returnDocument', 'includeResultMetadata'],
  read,
  find: [
    ...[
      ...read,
      'sort',
      'projection',
      'min',
      'max',
      'returnKey',
      'showRecordId',
      'singleBatch',
      'tailable',
      'awaitData',
    ],
    ...['noCursorTimeout', 'allowPartialResults', 'maxAwaitTimeMS', 'timeoutMode'],
  ],
  aggregate: [...read, 'bypassDocumentValidation', 'maxAwaitTimeMS', 'timeoutMode'],
  watch: [
    ...[
      ...any,
      ...bson,
      'collation',
      'batchSize',
      'fullDocument',
      'fullDocumentBeforeChange',
      'maxAwaitTimeMS',
      'resumeAfter',
    ],
    ...['startAfter', 'startAtOperationTime', 'showExpandedEvents'],
  ],
  index: [...any, ...index, 'commitQuorum'],
  indexSpec: [...index, 'key'],
  plain: [...any, 'full', 'batchSize'],
  command: ['readPreference', 'signal', 'timeoutMS', ...bson],
  transaction: ['readConcern', 'readPreference', 'writeConcern', 'maxCommitTimeMS', 'timeoutMS'],
} as const satisfies Record<string, readonly string[]>

/** A kind of operation, by its options. */
export type OptionKind = keyof typeof known

/** Mongoose's own, which it leaves in and the driver does not read. Left out here as well. */
const ofMongoose = new Set([
  ...[
    'returnOriginal',
    'new',
    'timestamps',
    'strict',
    'strictQuery',
    'overwrite',
    'multi',
    'setDefaultsOnInsert',
    'lean',
  ],
  ...[
    'runValidators',
    'overwriteDiscriminatorKey',
    'skipValidation',
    'sanitizeFilter',
    'translateAliases',
    'checkKeys',
  ],
  ...['validateBeforeSave', 'validateModifiedOnly', 'rawResult'],
])

const sets = Object.fromEntries(Object.entries(known).map(([kind, names]) => [kind, new Set<string>(names)]))

/** What the server reads as values; the driver hands it on. Everything else it reads itself. */
const values = new Set([
  'let',
  'comment',
  'arrayFilters',
  'min',
  'max',
  'partialFilterExpression',
  'projection',
  'key',
  'resumeAfter',
  'startAfter',
])

/**
 * The options of an operation, copied: each is read once.
 *
 * @throws {TenancyError} `STATEMENT_REFUSED` for one that is not known to stay in the database, `ARGUMENT_INVALID`.
 */
export function checkOptions(
  given: unknown,
  kind: OptionKind,
  rules: FenceRules,
  ways: BsonWays = {},
): Record<string, unknown> {
  if (given === undefined || given === null) return {}
  const options: Record<string, unknown> = Object.create(null)
  if (typeof given !== 'object') return invalid('options', 'must be an object')
  for (const name in given) {
    const value = (given as Record<string, unknown>)[name]
    // Libraries hand on what they were not given.
    if (value === undefined || (name === 'session' && value === null) || ofMongoose.has(name)) continue
    if (!sets[kind]?.has(name)) refuseOption(name)
    options[name] = checkOption(name, value, rules, ways)
  }
  return { ...options }
}

function checkOption(name: string, value: unknown, rules: FenceRules, ways: BsonWays): unknown {
  switch (name) {
    case 'signal':
      if (!(value instanceof AbortSignal)) invalid(name, 'must be an AbortSignal')
      return value
    case 'readPreference':
      return ReadPreference.fromOptions({ readPreference: value as ReadPreference })
    case 'readConcern':
      return ReadConcern.fromOptions({ readConcern: canonical(value, { promote: true }) as ReadConcern })
    case 'writeConcern':
      return WriteConcern.fromOptions({ writeConcern: canonical(value, { promote: true }) as WriteConcern })
    case 'startAtOperationTime':
      return canonical(value, ways)
  }
  if (typeof value !== 'object' && typeof value !== 'function') return value
  // A Map keeps an order that an object does not: keys such as "1" come first there.
  if (name === 'sort' && value instanceof Map)
    return new Map([...value].map(([key, way]) => [String(key), canonical(way, { promote: true })]))
  const copy = canonical(value, { ...ways, promote: !values.has(name) })
  checkValues(copy, rules)
  return copy
}

function refuseOption(name: string): never {
  if (name === 'session')
    return refuse(
      'An operation with a session',
      'sessions belong to transactions',
      'Use the handle that transaction(fn) gives to fn.',
    )
  return refuse(`The option "${name}"`, 'it is not one that is known to stay in the database', 'Leave it out.')
}
