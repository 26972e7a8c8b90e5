import { type BsonWays, canonical, isDocument } from './canonical.ts'
import { checkPipeline } from './check-pipeline.ts'
import { checkValues, type FenceRules } from './check-values.ts'
import { invalid } from './refuse.ts'

/** A filter as it will be sent. @throws {TenancyError} `STATEMENT_REFUSED`, `ARGUMENT_INVALID` */
export function checkFilter(
  given: unknown,
  rules: FenceRules,
  ways: BsonWays = {},
): Record<string, unknown> | undefined {
  if (given === undefined) return undefined
  const filter = canonical(given, ways)
  if (!isDocument(filter)) return invalid('filter', 'must be a document')
  checkValues(filter, rules)
  return filter
}

/** An update as it will be sent: operators, or a pipeline. @throws {TenancyError} `STATEMENT_REFUSED`, `ARGUMENT_INVALID` */
export function checkUpdate(
  given: unknown,
  rules: FenceRules,
  ways: BsonWays = {},
): Record<string, unknown> | Record<string, unknown>[] {
  const update = canonical(given, ways)
  if (Array.isArray(update)) return checkPipeline(update, 'update', rules, ways)
  if (!isDocument(update) || !Object.keys(update).every(key => key.startsWith('$')))
    return invalid('update', 'must be a document of operators such as { $set: … }, or a pipeline')
  checkValues(update, rules)
  return update
}

/** A whole document as it will be sent; it is data, whatever it says. @throws {TenancyError} `ARGUMENT_INVALID` */
export function checkReplacement(given: unknown, ways: BsonWays = {}): Record<string, unknown> {
  const replacement = canonical(given, ways)
  if (!isDocument(replacement) || Object.keys(replacement).some(key => key.startsWith('$')))
    return invalid('replacement', 'must be a document without operators')
  return replacement
}
