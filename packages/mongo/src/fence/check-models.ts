import type { BsonWays } from './canonical.ts'
import { checkFilter, checkReplacement, checkUpdate } from './check-documents.ts'
import type { FenceRules } from './check-values.ts'
import { checkOptions } from './operation-options.ts'
import { invalid, refuse } from './refuse.ts'

const parts: Readonly<Record<string, readonly string[]>> = {
  insertOne: ['document'],
  updateOne: ['filter', 'update'],
  updateMany: ['filter', 'update'],
  replaceOne: ['filter', 'replacement'],
  deleteOne: ['filter'],
  deleteMany: ['filter'],
}

/**
 * The operations of a `bulkWrite`, rebuilt of what was checked.
 *
 * @throws {TenancyError} `STATEMENT_REFUSED` for one that names a namespace or is not known, `ARGUMENT_INVALID`.
 */
export function checkModels(given: unknown, rules: FenceRules, ways: BsonWays): Record<string, unknown>[] {
  if (!Array.isArray(given)) return invalid('operations', 'must be an array')
  return Array.from(given, model => checkModel(model, rules, ways))
}

function checkModel(model: unknown, rules: FenceRules, ways: BsonWays): Record<string, unknown> {
  if (typeof model !== 'object' || model === null) return invalid('operations', 'must be objects')
  const [[name, spec] = ['', undefined], ...more] = Object.entries(model)
  const expected = Object.hasOwn(parts, name) ? parts[name] : undefined
  if (expected === undefined || more.length > 0)
    return refuse(
      `The bulk operation "${name}"`,
      'it is not one of a collection',
      'Give each operation one name of a collection’s own.',
    )
  if (typeof spec !== 'object' || spec === null) return invalid(name, 'must be an object')
  if (name === 'insertOne') return insertion(spec)
  const { filter, update, replacement, ...options } = spec as Record<string, unknown>
  const checked = checkOptions(options, 'change', rules, ways)
  // An absent filter would match all.
  if (filter === undefined) return invalid(`${name}.filter`, 'must be a document')
  const built: Record<string, unknown> = { ...checked, filter: checkFilter(filter, rules, ways) }
  if (expected.includes('update')) built.update = checkUpdate(update, rules, ways)
  if (expected.includes('replacement')) built.replacement = checkReplacement(replacement, ways)
  return { [name]: built }
}

function insertion(spec: object): Record<string, unknown> {
  const entries = Object.entries(spec)
  const [[, document] = ['', undefined]] = entries.filter(([name]) => name === 'document')
  if (entries.length !== 1 || typeof document !== 'object' || document === null)
    return refuse('The bulk operation "insertOne"', 'it is not { document: … }', 'Write it so.')
  return { insertOne: { document } }
}
