import { isTenancyError, TenancyError } from '@tenantry/core'
import { quoteIdentifier } from '@tenantry/pg'
import pg from 'pg'
import type { Query } from './clone/query.ts'
import { dependentsOutside } from './dependents.ts'
import { isOwn, markText } from './mark.ts'
import { setPath } from './provision.ts'
import { lockSchema } from './schema-lock.ts'
import { inTransaction } from './transaction.ts'

/** Options of {@link rebuildTemplate}. */
export interface RebuildOptions {
  /** Its role makes schemas, and owns the template. */
  readonly provisioner: pg.Pool
  /** Makes everything, with the new and empty schema first in the `search_path`. Must not end the transaction. */
  migrate(query: Query, target: { readonly schema: string }): Promise<unknown>
  /** Default `template`. */
  readonly schema?: string
  /** Schemas with extensions. Default none. */
  readonly extensions?: readonly string[]
}

/**
 * Makes the template anew from the migrations, in one transaction. It waits for the clones that are being made, and others wait for
 * it; should it fail, they are made from the old template.
 *
 * @throws {TenancyError} `OBJECT_FOREIGN` for a schema of this name that it has not made, `TEMPLATE_INVALID` when something outside
 * depends on the old one, or the migrations fail.
 * @example
 * await rebuildTemplate({ provisioner, migrate: query => query('create table notes (id uuid primary key, text text)') })
 */
export async function rebuildTemplate(options: RebuildOptions): Promise<void> {
  const { provisioner, migrate, schema = 'template', extensions = [] } = options
  const name = quoteIdentifier(schema)
  const problem = (problem: string, cause?: unknown) =>
    new TenancyError('TEMPLATE_INVALID', { template: schema, problems: [problem] }, { cause })
  try {
    await inTransaction(provisioner, async (query, client) => {
      await query(lockSchema(schema))
      const { rows } = await query(
        `select obj_description(oid, 'pg_namespace') as mark from pg_namespace where nspname = $1`,
        [schema],
      )
      const found = (rows[0] as { mark: string | null } | undefined) ?? null
      if (isOwn('schema', schema, found, { template: true })) {
        const dependents = await dependentsOutside(query, schema)
        if (dependents.length > 0) throw problem(dependents.join(', '))
        await query(`drop schema ${name} cascade`)
      }
      const mark = pg.escapeLiteral(markText({ template: true }))
      await query(
        [`create schema ${name}`, `comment on schema ${name} is ${mark}`, setPath(schema, extensions)].join(';\n'),
      )
      await migrate(query, { schema })
      if (client.getTransactionStatus() !== 'T') throw new Error('the migrations have ended the transaction')
    })
  } catch (error) {
    throw isTenancyError(error) ? error : problem(error instanceof Error ? error.message : String(error), error)
  }
}
