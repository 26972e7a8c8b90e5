import type { Note, Row } from '../subject.ts'

/** What a session can carry from one unit of work to the next. */
export type Kept = 'temporary object' | 'held cursor' | 'changed setting' | 'lock'

/** The language of the memory server: what a real one does with SQL. */
export type Statement =
  | { readonly do: 'begin' }
  | { readonly do: 'commit' }
  | { readonly do: 'rollback' }
  | { readonly do: 'savepoint' }
  /** Back to the savepoint. */
  | { readonly do: 'undo' }
  /** Says whose statements follow: to the end of the transaction, or of the session. */
  | { readonly do: 'set'; readonly tenant: string | undefined; readonly until: 'transaction' | 'session' }
  /** Takes a while, for timeouts. `limit` is how long the server itself lets it take. In milliseconds. */
  | { readonly do: 'sleep'; readonly ms: number; readonly limit?: number }
  /** The server cuts this connection. */
  | { readonly do: 'cut' }
  /** Leaves something in the session. */
  | { readonly do: 'keep'; readonly what: Kept }
  | RowStatement

/** A statement that touches rows. */
export type RowStatement =
  | { readonly do: 'get'; readonly id: string }
  /** `join` pairs rows of equal text; `prepared` is planned once; `copy` is how much is read at once. */
  | { readonly do: 'list' | 'count' | 'join' | 'group' | 'prepared' | 'copy' }
  /** The row at this place of a cursor. */
  | { readonly do: 'fetch'; readonly at: number }
  /** Without a tenant the row gets the tenant that is set. */
  | { readonly do: 'insert'; readonly id: string; readonly text: string; readonly tenant?: string }
  | { readonly do: 'bulk'; readonly notes: readonly (Note & { readonly tenant?: string })[] }
  | { readonly do: 'upsert' | 'returning'; readonly id: string; readonly text: string }
  | { readonly do: 'update'; readonly id: string; readonly text?: string; readonly tenant?: string }
  | { readonly do: 'delete'; readonly id: string }
  /** Removes all rows and gives them. */
  | { readonly do: 'sweep' }

/** What a statement does with rows. */
export type Verb = RowStatement['do']

/** What a statement gives. `count` is how many rows it found or changed. */
export interface Result {
  readonly rows: readonly Row[]
  readonly count: number
}

/** An error of the memory server, with the SQLSTATE that Postgres would give (appendix A of its manual). */
export interface StoreError extends Error {
  readonly code: StoreErrorCode
}

/**
 * Row refused by policy, duplicate key, transaction aborted, cancelled, took too long for the server, connection cut,
 * connection killed while it was idle; the memory server's own: the tenant is suspended; and the client's own: it gave up.
 */
export type StoreErrorCode =
  | '42501'
  | 'SUSPENDED'
  | '23505'
  | '25P02'
  | '57014'
  | '25P04'
  | '57P01'
  | '57P05'
  | 'GAVE_UP'

/** Makes a {@link StoreError}. */
export function storeError(code: StoreErrorCode, message: string): StoreError {
  return Object.assign(new Error(message), { code })
}

/** Whether this is the memory server's error of that code. */
export function isStoreError(error: unknown, code: StoreErrorCode): error is StoreError {
  return error instanceof Error && 'code' in error && error.code === code
}
