import type { PgBouncerDescriptor } from '../pgbouncer/connect-pgbouncer.ts'
import type { PostgresDescriptor } from '../postgres/postgres-descriptor.ts'

/** What the global setup tells test files: where a thing is, or why there is none. */
export type Provided<Descriptor> = { readonly descriptor: Descriptor } | { readonly unavailable: string }

declare module 'vitest' {
  interface ProvidedContext {
    tenantryPostgres: Provided<PostgresDescriptor>
    /** In front of that server. */
    tenantryPgBouncer: Provided<PgBouncerDescriptor>
  }
}
