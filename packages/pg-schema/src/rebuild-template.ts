import { isTenancyError, TenancyError } from '@tenantry/core'
import { errorText, inTransaction, quoteIdentifier, withinTransaction } from '@tenantry/pg'
import type pg from 'pg'
import { readClonePlan } from './clone/clone-plan.ts'
import { dependentsOutside } from './dependents.ts'
import { checkExtensions } from './extension-schemas.ts'
import { isThereAsOwn, isUnfinished, type Marked, markSchema } from './mark.ts'
import { setPath } from './provision.ts'
import { lockSchema, lockTables } from './schema-lock.ts'
import type { Migrate } from './structure-source.ts'

/** Options of {@link rebuildTemplate}. */
export interface RebuildOptions {
  /** Its role makes schemas, and owns the template. */
  readonly provisioner: pg.Pool
  /** Makes everything, in the new and empty schema. */
  readonly migrate: Migrate
  /** Default `template`. */
  readonly schema?: string
  /** See `structure` of {@link pgSchema}. */
  readonly versionTables?: readonly string[]
  /** See `structure` of {@link pgSchema}. */
  readonly role?: string
  /** Schemas with extensions. Default none. */
  readonly extensions?: readonly string[]
}

/**
 * Makes the template anew from the migrations, in one transaction. It waits for the clones that are being made, and others wait for
 * it. Should it fail, or make what cannot be cloned, they are made from the old template.
 *
 * @throws {TenancyError} `OBJECT_FOREIGN` for a schema of this name that it has not made, `TEMPLATE_INVALID` for what cannot be cloned,
 * `TEMPLATE_REBUILD_FAILED` when the migrations fail, or something outside depends on the old template; `DATABASE_UNAVAILABLE`,
 * `CONNECTION_LOST`.
 * @example
 * await rebuildTemplate({ provisioner, migrate: query => query('create table notes (id uuid primary key, text text)') })
 */
export async function rebuildTemplate(options: RebuildOptions): Promise<void> {
  const { provisioner, migrate, schema = 'template', versionTables = [], role, extensions = [] } = options
  checkExtensions(extensions, { template: schema })
  const name = quoteIdentifier(schema)
  try {
    await inTransaction(
      provisioner,
      async (query, client) => {
        await query(lockSchema(schema))
        const { rows } = await query(
          `select obj_description(oid, 'pg_namespace') as mark, pg_has_role(nspowner, 'USAGE') as owned from pg_namespace where nspname = $1`,
          [schema],
        )
        const found = (rows[0] as Marked | undefined) ?? null
        if (isUnfinished(found, { template: true }) || isThereAsOwn('schema', schema, found, { template: true })) {
          await lockTables(query, schema)
          const dependents = await dependentsOutside(query, schema)
          if (dependents.length > 0) throw new Error(dependents.join(', '))
          await query(`drop schema ${name} cascade`)
        }
        const making = markSchema(schema, { template: true, making: true })
        await query([`create schema ${name}`, making, setPath(schema, extensions)].join(';\n'))
        await withinTransaction(query, () => migrate(query, { schema, client }))
        await query(markSchema(schema, { template: true }))
        await readClonePlan(query, { schema, versionTables, role, allowed: extensions })
      },
      'used up',
    )
  } catch (error) {
    if (isTenancyError(error)) throw error
    throw new TenancyError('TEMPLATE_REBUILD_FAILED', { template: schema, reason: errorText(error) }, { cause: error })
  }
}
