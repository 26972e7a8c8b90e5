import { type BsonWays, canonical, isDocument } from './canonical.ts'
import { checkValues, type FenceRules } from './check-values.ts'
import { refuse } from './refuse.ts'
import { type PipelinePlace, stages } from './stages.ts'

/** A pipeline as it will be sent. */
export type CheckedPipeline = Record<string, unknown>[]

/**
 * A pipeline that does not leave the database of its collection, in its canonical form: send what this gives, not what was given.
 *
 * @throws {TenancyError} `STATEMENT_REFUSED`
 */
export function checkPipeline(
  given: unknown,
  place: PipelinePlace,
  rules: FenceRules,
  ways: BsonWays = {},
): CheckedPipeline {
  const pipeline = canonical(given, ways)
  checkStages(pipeline, place, rules)
  return pipeline as CheckedPipeline
}

function checkStages(pipeline: unknown, place: PipelinePlace, rules: FenceRules): void {
  if (!Array.isArray(pipeline)) refuse('A pipeline', 'it is no array of stages', 'Write it as an array.')
  for (const stage of pipeline as unknown[]) checkStage(stage, place, rules)
}

function checkStage(stage: unknown, place: PipelinePlace, rules: FenceRules): void {
  if (!isDocument(stage)) refuse('A stage', 'it is no document', 'Write a stage as { $name: … }.')
  const [[name, spec] = ['', undefined], ...more] = Object.entries(stage)
  if (name === '' || more.length > 0)
    refuse('A stage', 'it has not exactly one field', 'Write a stage as { $name: … }.')
  const rule = stages.get(name)
  if (rule === undefined)
    refuse(`The stage "${name}"`, 'it is not one that is known to stay in the database', 'Use another stage.')
  if (!rule.places.includes(place)) refuse(name, `it has no place in this pipeline (${place})`, 'Use another stage.')
  if (rule.check === undefined) checkValues(spec, rules)
  else rule.check(spec, (inner, where) => checkStages(inner, where, rules), rules)
}
