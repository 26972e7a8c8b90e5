import { isDeepStrictEqual } from 'node:util'
import { type Logger, TenancyError, type Tenant } from '@tenantry/core'
import type { Db, IndexDescription, IndexDescriptionInfo } from 'mongodb'
import { checkCollectionName } from './fence/collection-name.ts'

/** The indexes that every tenant has, by collection. Without a `name`, an index has the one that MongoDB gives it. */
export type DeclaredIndexes = Readonly<Record<string, readonly IndexDescription[]>>

interface Declared {
  readonly collection: string
  readonly name: string
  readonly index: IndexDescription
}

const namespaceNotFound = 26

/** @throws {TenancyError} `ARGUMENT_INVALID`, `STATEMENT_REFUSED` for the name of a collection. */
export function declareIndexes(indexes: DeclaredIndexes): readonly Declared[] {
  return Object.entries(indexes).flatMap(([collection, list]) =>
    list.map(index => {
      const keys = entriesOf(index.key)
      if (keys.length === 0)
        throw new TenancyError('ARGUMENT_INVALID', { field: `indexes.${collection}`, rule: 'each must have a key' })
      const name = index.name ?? keys.map(([field, way]) => `${field}_${way}`).join('_')
      return { collection: checkCollectionName(collection), name, index: { ...index, name } }
    }),
  )
}

/**
 * Makes the indexes that are missing. Idempotent: what is there and as declared is left alone.
 *
 * @returns how many were made.
 * @throws {TenancyError} `PROVISIONING_FAILED` naming the index that is there and is another.
 */
export async function makeIndexes(
  db: Db,
  tenant: Tenant,
  declared: readonly Declared[],
  logger: Logger,
): Promise<number> {
  const there = new Map<string, readonly IndexDescriptionInfo[]>()
  for (const collection of new Set(declared.map(each => each.collection)))
    there.set(collection, await indexesOf(db, collection))
  const missing = declared.filter(each => !isThere(tenant, each, there.get(each.collection) ?? []))
  for (const [done, { collection, name, index }] of missing.entries()) {
    await db.collection(collection).createIndexes([index])
    const progress = { tenant: tenant.id, collection, index: name, done: done + 1, total: missing.length }
    logger.info({ event: 'mongo.index', ...progress }, `Index ${collection}.${name} made for tenant: ${tenant.id}`)
  }
  return missing.length
}

async function indexesOf(db: Db, collection: string): Promise<readonly IndexDescriptionInfo[]> {
  try {
    return await db.collection(collection).indexes()
  } catch (error) {
    if ((error as { code?: unknown }).code === namespaceNotFound) return []
    throw error
  }
}

function isThere(
  tenant: Tenant,
  { collection, name, index }: Declared,
  there: readonly IndexDescriptionInfo[],
): boolean {
  const found =
    there.find(each => each.name === name) ??
    there.find(each => isDeepStrictEqual(entriesOf(each.key), entriesOf(index.key)))
  if (found === undefined) return false
  const different = differenceOf(index, found)
  if (different === undefined) return true
  throw new TenancyError('PROVISIONING_FAILED', {
    tenant: tenant.id,
    step: `the index ${collection}.${name}`,
    reason: `there is ${found.name === name ? 'one of that name' : `${found.name} over the same fields`} with another ${different}; drop it, or name the new one otherwise`,
  })
}

function differenceOf(
  { key, background: _, collation, ...options }: IndexDescription,
  found: IndexDescriptionInfo,
): string | undefined {
  // The server writes the fields of a text index in its own way.
  const isText = entriesOf(key).some(([, way]) => way === 'text')
  if (!isText && !isDeepStrictEqual(entriesOf(key), entriesOf(found.key))) return 'key'
  const known = found as unknown as Record<string, unknown>
  // It fills in what a collation leaves out.
  const filled = known.collation as Record<string, unknown> | undefined
  const isCollated = Object.entries(collation ?? {}).every(([field, value]) => filled?.[field] === value)
  if (!isCollated || (collation === undefined && filled !== undefined)) return 'collation'
  const matters = [
    'name',
    'unique',
    'sparse',
    'expireAfterSeconds',
    'partialFilterExpression',
    'hidden',
    'wildcardProjection',
  ] as const
  return matters.find(field => !isDeepStrictEqual(options[field] ?? false, known[field] ?? false))
}

function entriesOf(
  key: IndexDescription['key'] | IndexDescriptionInfo['key'],
): readonly (readonly [string, unknown])[] {
  return key instanceof Map ? [...key.entries()] : Object.entries(key ?? {})
}
