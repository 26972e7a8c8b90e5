import type { Query } from '@tenantry/pg'
import type pg from 'pg'

/** Where the objects in a tenant's database come from. */
export type DatabaseStructure =
  | {
      /** Copied from a template database on the same server: see `makeDatabaseTemplate`. Milliseconds, whatever is in it. */
      readonly by: 'template'
      /** Default `tenantry_template`. */
      readonly database?: string
    }
  | {
      /** Made by migrations, as the tenant's owner role, in one transaction, which they must not end. */
      readonly by: 'migrate'
      readonly migrate: (
        query: Query,
        at: { readonly database: string; readonly client: pg.ClientBase },
      ) => Promise<unknown>
    }
  | { readonly by: 'sql'; readonly statements: readonly string[] }

/** The template where none is named. */
export const defaultTemplate = 'tenantry_template'
