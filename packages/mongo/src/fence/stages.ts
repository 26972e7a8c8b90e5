import { isDocument } from './canonical.ts'
import { checkValues, type FenceRules } from './check-values.ts'
import { checkCollectionName } from './collection-name.ts'
import { refuse } from './refuse.ts'

/** Where a pipeline stands, which says what stages it may have. */
export type PipelinePlace = 'aggregate' | 'inner' | 'update' | 'watch'

/** Looks at the pipelines inside a stage. */
type CheckInner = (pipeline: unknown, place: PipelinePlace) => void

type CheckSpec = (spec: unknown, inner: CheckInner, rules: FenceRules) => void

/** A stage that is known, and what of it leads further. */
interface StageRule {
  readonly places: readonly PipelinePlace[]
  /** Default: the specification has expressions only. */
  readonly check?: CheckSpec
}

const reading = ['aggregate', 'inner'] as const
const anywhere = ['aggregate', 'inner', 'update', 'watch'] as const

function fields(stage: string, spec: unknown, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (!isDocument(spec)) return refuse(stage, 'its specification is no document', 'Write it as MongoDB documents it.')
  for (const key of Object.keys(spec)) {
    if (!known.includes(key))
      refuse(
        `${stage} with "${key}"`,
        key === 'db' ? 'it names a database' : 'nobody knows whether it stays in the database',
        'Leave it out.',
      )
  }
  return spec
}

function own(stage: string, name: unknown): void {
  if (typeof name !== 'string' || name === '')
    refuse(stage, 'it may name another database', 'Name a collection of the tenant’s own database, as text.')
  checkCollectionName(name)
}

const lookup: CheckSpec = (spec, inner, rules) => {
  const { from, pipeline, ...rest } = fields('$lookup', spec, [
    'from',
    'localField',
    'foreignField',
    'let',
    'pipeline',
    'as',
  ])
  if (from !== undefined) own('$lookup', from)
  if (pipeline !== undefined) inner(pipeline, 'inner')
  checkValues(rest, rules)
}

const unionWith: CheckSpec = (spec, inner) => {
  if (typeof spec === 'string') return own('$unionWith', spec)
  const { coll, pipeline } = fields('$unionWith', spec, ['coll', 'pipeline'])
  if (coll !== undefined) own('$unionWith', coll)
  if (pipeline !== undefined) inner(pipeline, 'inner')
}

const graphLookup: CheckSpec = (spec, _, rules) => {
  const known = [
    'from',
    'startWith',
    'connectFromField',
    'connectToField',
    'as',
    'maxDepth',
    'depthField',
    'restrictSearchWithMatch',
  ]
  const { from, ...rest } = fields('$graphLookup', spec, known)
  own('$graphLookup', from)
  checkValues(rest, rules)
}

const facet: CheckSpec = (spec, inner) => {
  if (!isDocument(spec))
    return refuse('$facet', 'its specification is no document', 'Write it as MongoDB documents it.')
  for (const pipeline of Object.values(spec)) inner(pipeline, 'inner')
}

const merge: CheckSpec = (spec, inner, rules) => {
  if (typeof spec === 'string') return own('$merge', spec)
  const { into, whenMatched, ...rest } = fields('$merge', spec, ['into', 'on', 'let', 'whenMatched', 'whenNotMatched'])
  own('$merge', into)
  if (Array.isArray(whenMatched)) inner(whenMatched, 'update')
  else if (whenMatched !== undefined && typeof whenMatched !== 'string')
    refuse('$merge with whenMatched', 'it is neither text nor a pipeline', 'Write it as MongoDB documents it.')
  checkValues(rest, rules)
}

const fusion =
  (stage: string): CheckSpec =>
  (spec, inner, rules) => {
    const { input, ...rest } = fields(stage, spec, ['input', 'combination', 'scoreDetails'])
    const { pipelines, ...more } = fields(stage, input, ['pipelines', 'normalization'])
    if (!isDocument(pipelines))
      return refuse(stage, 'its pipelines are no document', 'Write it as MongoDB documents it.')
    for (const pipeline of Object.values(pipelines)) inner(pipeline, 'inner')
    checkValues([rest, more], rules)
  }

/**
 * The stages that stay in the database of their collection. What is not here is refused: a stage of a later server, a stage that tells
 * of the server or of others (`$currentOp`, `$collStats`, `$listSessions`), an internal one.
 *
 * @see https://www.mongodb.com/docs/manual/reference/operator/aggregation-pipeline/
 */
export const stages: ReadonlyMap<string, StageRule> = new Map<string, StageRule>([
  ...['$addFields', '$set', '$project', '$unset', '$replaceRoot', '$replaceWith'].map(
    name => [name, { places: anywhere }] as const,
  ),
  ...['$match', '$redact'].map(name => [name, { places: ['aggregate', 'inner', 'watch'] }] as const),
  ...['$bucket', '$bucketAuto', '$count', '$densify', '$documents', '$fill', '$geoNear', '$group', '$limit'].map(
    name => [name, { places: reading }] as const,
  ),
  ...[
    '$sample',
    '$search',
    '$searchMeta',
    '$setWindowFields',
    '$skip',
    '$sort',
    '$sortByCount',
    '$unwind',
    '$vectorSearch',
  ].map(name => [name, { places: reading }] as const),
  ['$changeStreamSplitLargeEvent', { places: ['watch'] }],
  ['$facet', { places: reading, check: facet }],
  ['$graphLookup', { places: reading, check: graphLookup }],
  ['$lookup', { places: reading, check: lookup }],
  ['$merge', { places: ['aggregate'], check: merge }],
  ['$out', { places: ['aggregate'], check: spec => own('$out', spec) }],
  ['$rankFusion', { places: reading, check: fusion('$rankFusion') }],
  ['$scoreFusion', { places: reading, check: fusion('$scoreFusion') }],
  ['$unionWith', { places: reading, check: unionWith }],
])
