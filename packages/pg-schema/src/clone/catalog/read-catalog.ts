import { TenancyError } from '@tenantry/core'
import type { Query } from '@tenantry/pg'
import { reading, readingPath } from '../reading.ts'
import { codeSql } from './code-sql.ts'
import type { Catalog, CodeFacts, TableFacts } from './facts.ts'
import { tableSql } from './table-sql.ts'

const noCode: CodeFacts = {
  ...{ types: [], functions: [], triggers: [], rules: [], policies: [] },
  ...{ statistics: [], comments: [], others: [] },
}

/**
 * Reads all that there is in a schema. `undefined` when there is no such schema.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` outside of a transaction.
 */
export async function readCatalog(query: Query, name: string): Promise<Catalog | undefined> {
  return reading(query, name, async () => {
    const tables = (await query<TableFacts>(tableSql, [name])).rows[0]
    if (tables === undefined) return undefined
    if (tables.path !== readingPath(name)) {
      // The setting ended with its statement, and every name would be printed in another way.
      throw new TenancyError('ARGUMENT_INVALID', { field: 'query', rule: 'must be inside of a transaction' })
    }
    // Many schemas have tables only.
    const code = tables.more ? (await query<CodeFacts>(codeSql, [name])).rows[0] : noCode
    return code && { name, ...tables, ...code }
  })
}
