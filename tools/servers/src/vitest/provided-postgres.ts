import type { PostgresDescriptor } from '../postgres/postgres-descriptor.ts'

/** What the global setup tells test files: the server, or why there is none. */
export type ProvidedPostgres = { readonly descriptor: PostgresDescriptor } | { readonly unavailable: string }

declare module 'vitest' {
  interface ProvidedContext {
    tenantryPostgres: ProvidedPostgres
  }
}
