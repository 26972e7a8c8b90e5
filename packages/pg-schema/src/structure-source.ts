import type { Query } from '@tenantry/pg'
import type pg from 'pg'

/**
 * Runs migrations in one schema, which stands first in the `search_path`, in one transaction with all else that is done; it must not
 * end the transaction. `client` is the connection itself, for libraries that want one; it is released by the caller.
 *
 * @example
 * migrate: async (_query, { client }) => {
 *   for (const file of files) await client.query(await readFile(file, 'utf8'))
 * }
 */
export type Migrate = (
  query: Query,
  target: { readonly schema: string; readonly client: pg.ClientBase },
) => Promise<unknown>

/** Where the objects in a tenant's schema come from. */
export type StructureSource =
  /** They are made like those of a template schema, in the time that the server needs to write its catalogue. */
  | {
      readonly by: 'template'
      /** Default `template`. */
      readonly schema?: string
      /** Tables whose rows are copied too: those in which your migrations note their versions (T16, T17). Default none. */
      readonly versionTables?: readonly string[]
      /**
       * A role whose privileges in the template are given to each tenant's role in its schema. Default none: a tenant's role
       * may read and write all tables, use all sequences and call all functions.
       */
      readonly role?: string
    }
  /** Your migrations make them. */
  | { readonly by: 'migrate'; readonly migrate: Migrate }
  /** These statements make them, with the tenant's schema first in the `search_path`. */
  | { readonly by: 'sql'; readonly statements: readonly string[] }
