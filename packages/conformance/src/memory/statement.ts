import type { Row } from '../subject.ts'

/** The language of the memory server: what a real one does with SQL. */
export type Statement =
  | { readonly do: 'begin' }
  | { readonly do: 'commit' }
  | { readonly do: 'rollback' }
  /** Says whose statements follow: to the end of the transaction, or of the session. */
  | { readonly do: 'set'; readonly tenant: string | undefined; readonly until: 'transaction' | 'session' }
  /** Takes a while, for timeouts. */
  | { readonly do: 'sleep'; readonly ms: number }
  /** The server cuts this connection. */
  | { readonly do: 'cut' }
  | { readonly do: 'get'; readonly id: string }
  | { readonly do: 'list' | 'count' }
  /** Without a tenant the row gets the tenant that is set. */
  | { readonly do: 'insert'; readonly id: string; readonly text: string; readonly tenant?: string }
  | { readonly do: 'update'; readonly id: string; readonly text?: string; readonly tenant?: string }
  | { readonly do: 'delete'; readonly id: string }

/** A statement that touches rows. */
export type Verb = Exclude<Statement['do'], 'begin' | 'commit' | 'rollback' | 'set' | 'sleep' | 'cut'>

/** What a statement gives. `count` is how many rows it found or changed. */
export interface Result {
  readonly rows: readonly Row[]
  readonly count: number
}

/** An error of the memory server, with the SQLSTATE that Postgres would give (appendix A of its manual). */
export interface StoreError extends Error {
  readonly code: StoreErrorCode
}

/** Row refused by policy, duplicate key, transaction aborted, client gave up, connection lost. */
export type StoreErrorCode = '42501' | '23505' | '25P02' | '57014' | '57P01'

/** Makes a {@link StoreError}. */
export function storeError(code: StoreErrorCode, message: string): StoreError {
  return Object.assign(new Error(message), { code })
}

/** Whether this is the memory server's error of that code. */
export function isStoreError(error: unknown, code: StoreErrorCode): error is StoreError {
  return error instanceof Error && 'code' in error && error.code === code
}
