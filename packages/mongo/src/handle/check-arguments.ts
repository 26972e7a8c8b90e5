import { type BsonWays, canonical } from '../fence/canonical.ts'
import { checkFilter, checkReplacement, checkUpdate } from '../fence/check-documents.ts'
import { checkModels } from '../fence/check-models.ts'
import { checkValues, type FenceRules } from '../fence/check-values.ts'
import { checkOptions } from '../fence/operation-options.ts'
import { invalid } from '../fence/refuse.ts'
import type { ArgumentKind, OperationRule } from './operations.ts'

type Check = (given: unknown, rules: FenceRules, ways: BsonWays) => unknown

function text(field: string, given: unknown): string {
  return typeof given === 'string' ? given : invalid(field, 'must be text')
}

// Inserted documents are data, whatever is in them, and get their _id from the driver: they are handed on as they are.
function document(given: unknown): object {
  return typeof given === 'object' && given !== null && !Array.isArray(given)
    ? given
    : invalid('document', 'must be an object')
}

const checks: Readonly<Record<ArgumentKind, Check>> = {
  document,
  documents: given => (Array.isArray(given) ? Array.from(given, document) : invalid('documents', 'must be an array')),
  filter: checkFilter,
  update: checkUpdate,
  replacement: (given, _, ways) => checkReplacement(given, ways),
  models: checkModels,
  field: given => text('key', given),
  'index key': (given, rules) => {
    const key = canonical(given, { promote: true })
    checkValues(key, rules)
    return key
  },
  'index specs': (given, rules, ways) =>
    Array.isArray(given)
      ? Array.from(given, spec => {
          const { key, ...options } = checkOptions(spec, 'indexSpec', rules, ways)
          return { ...options, key: canonical(key, { promote: true }) }
        })
      : invalid('indexes', 'must be an array'),
  'index name': given => text('index', given),
  'index names': given =>
    Array.isArray(given) ? Array.from(given, name => text('index', name)) : text('index', given),
}

// What changes documents says which: a filter that was forgotten would match all of them.
function absentFilter({ options }: OperationRule): Record<string, unknown> {
  if (options === 'change' || options === 'findAnd') invalid('filter', 'must be a document; {} is every document')
  return {}
}

/**
 * The arguments of an operation as they may be sent.
 *
 * @throws {TenancyError} `STATEMENT_REFUSED`, `ARGUMENT_INVALID`
 */
export function checkArguments(
  rule: OperationRule,
  given: readonly unknown[],
  rules: FenceRules,
  client: BsonWays,
): readonly unknown[] {
  const at = rule.arguments.length
  const options = checkOptions(given[at], rule.options, rules, client)
  // `undefined` is left out of filters only where the caller says so: { _id: undefined } would match every document.
  const ways = { ignoreUndefined: (options.ignoreUndefined ?? client.ignoreUndefined) === true }
  const checked = rule.arguments.map((kind, index) => {
    if (kind === 'filter' && given[index] === undefined) return absentFilter(rule)
    return checks[kind](given[index], rules, ways)
  })
  return [...checked, options]
}
