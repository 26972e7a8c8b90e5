import type { AggregateOptions, Collection, CollectionOptions, Db, Document, FindOptions } from 'mongodb'
import { checkFilter } from '../fence/check-documents.ts'
import { checkPipeline } from '../fence/check-pipeline.ts'
import { checkCollectionName } from '../fence/collection-name.ts'
import { checkOptions } from '../fence/operation-options.ts'
import { checkArguments } from './check-arguments.ts'
import { facade } from './facade.ts'
import { type OperationRule, operations } from './operations.ts'
import { type Held, inDatabase, type Scope } from './scope.ts'
import { tenantChangeStream } from './tenant-change-stream.ts'
import { tenantCursor } from './tenant-cursor.ts'

const advice = {
  client: 'Use the handle of the tenant.',
  db: 'Use the handle of the tenant.',
  rename: 'Copy with aggregate([{ $out: name }]), then drop; the server renames in the database admin.',
  listIndexes: 'Use indexes().',
  count: 'Use countDocuments or estimatedDocumentCount.',
  initializeOrderedBulkOp: 'Use bulkWrite.',
  initializeUnorderedBulkOp: 'Use bulkWrite with ordered: false.',
}

/**
 * A collection of whichever tenant the scope says, asked before each operation.
 *
 * @throws {TenancyError} `STATEMENT_REFUSED`, `ARGUMENT_INVALID` for a name or options that it must not have.
 */
export function tenantCollection<T extends Document>(
  scope: Scope,
  given: unknown,
  options?: CollectionOptions,
): Collection<T> {
  const { rules } = scope
  const name = checkCollectionName(given)
  const settings = checkOptions(options, 'collection', rules)
  const ignoreUndefined =
    settings.ignoreUndefined === undefined ? scope.ways.ignoreUndefined : settings.ignoreUndefined === true
  const ways = ignoreUndefined === undefined ? {} : { ignoreUndefined }

  // The driver's objects are dear to make, and one of each database is enough.
  const known = new WeakMap<Db, Collection>()

  function real({ db }: Held): Collection {
    const made = known.get(db) ?? db.collection(name, settings)
    known.set(db, made)
    return made
  }

  const withSession = ({ session }: Held, more: object): object => (session === undefined ? more : { ...more, session })
  const waysOf = (more: Readonly<Record<string, unknown>>) =>
    more.ignoreUndefined === undefined ? ways : { ignoreUndefined: more.ignoreUndefined === true }

  function operation(method: string, rule: OperationRule) {
    return (...args: readonly unknown[]): Promise<unknown> => {
      try {
        const tenant = scope.tenant()
        const checked = checkArguments(rule, args, rules, ways)
        const last = checked.length - 1
        return inDatabase(scope, tenant, held => {
          const target = real(held) as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>
          const sent = [...checked.slice(0, last), withSession(held, checked[last] as object)]
          return (target[method] as (...args: readonly unknown[]) => Promise<unknown>).apply(target, sent)
        })
      } catch (error) {
        return Promise.reject(error)
      }
    }
  }

  const members = {
    ...Object.fromEntries(Object.entries(operations).map(([method, rule]) => [method, operation(method, rule)])),
    find(filter?: unknown, more?: FindOptions) {
      const tenant = scope.tenant()
      const sent = checkOptions(more, 'find', rules, ways)
      const query = checkFilter(filter, rules, waysOf(sent)) ?? {}
      return tenantCursor({
        kind: 'find',
        scope,
        tenant,
        open: held => real(held).find(query, withSession(held, { ...sent })),
      })
    },
    aggregate(pipeline?: unknown, more?: AggregateOptions) {
      const tenant = scope.tenant()
      const sent = checkOptions(more, 'aggregate', rules, ways)
      const stages = checkPipeline(pipeline ?? [], 'aggregate', rules, waysOf(sent))
      const open = (held: Held) => real(held).aggregate([...stages], withSession(held, { ...sent }))
      return tenantCursor({ kind: 'aggregate', scope, tenant, open })
    },
    watch(pipeline?: unknown, more?: unknown) {
      const tenant = scope.tenant()
      // The driver takes the options in the first place, too.
      const [first, second] = Array.isArray(pipeline) ? [pipeline, more] : [[], pipeline ?? more]
      const sent = checkOptions(second, 'watch', rules, ways)
      const stages = checkPipeline(first, 'watch', rules, ways)
      return tenantChangeStream(scope, tenant, held => real(held).watch([...stages], withSession(held, { ...sent })))
    },
    collectionName: name,
    get dbName() {
      return scope.database(scope.tenant())
    },
    get namespace() {
      return `${scope.database(scope.tenant())}.${name}`
    },
  }
  return facade<Collection<T>>('Collection', members, advice)
}
