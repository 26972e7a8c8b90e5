import type { Isolation } from '@tenantry/core'
import type { Note } from './subject.ts'

/**
 * What a store can do beyond the verbs of `Notes`. Like these, each is an ordinary statement without any condition on the tenant.
 *
 * A handle is used here as an application uses it; called in the context of a tenant, unless it says otherwise.
 */
export interface Abilities<Handle> {
  /** Adds a note or, where the tenant has its id already, replaces the text: one statement. */
  upsert(handle: Handle, note: Note): Promise<void>
  /** Replaces a text and gives the changed notes in the same statement. */
  returning(handle: Handle, note: Note): Promise<readonly Note[]>
  /** Removes all notes and gives them, such as by a `delete … returning` in a common table expression. */
  cte(handle: Handle): Promise<readonly Note[]>
  /** The ids of each two notes that have the same text, a note and itself included: notes joined with notes. */
  join(handle: Handle): Promise<readonly (readonly [string, string])[]>
  /** How many notes have each text, grouped by the store. */
  aggregate(handle: Handle): Promise<ReadonlyMap<string, number>>
  /** All notes by a statement that is prepared under a name, always the same. */
  prepared(handle: Handle): Promise<readonly Note[]>
  /** All notes, one after another by a cursor inside a transaction; awaits `between` before each. */
  cursor(handle: Handle, between: () => Promise<void>): Promise<readonly Note[]>
  /** Adds many notes in one statement; a note may say whose it is. */
  bulk(handle: Handle, notes: readonly (Note & { readonly tenant?: string })[]): Promise<void>
  /** All notes by the store's own way to read much, such as `COPY … TO`. */
  copy(handle: Handle): Promise<readonly Note[]>
  /** All notes by a callback, where the handle takes one. */
  callback(handle: Handle, done: (error: unknown, notes?: readonly Note[]) => void): void

  /** A unit of work that puts the note, and rolls back by a statement of its own. */
  rollback(handle: Handle, note: Note): Promise<void>
  /** A unit of work that puts a note, then another one that it takes back to a savepoint, then lists, and commits. */
  savepoint(handle: Handle, kept: Note, undone: Note): Promise<readonly Note[]>
  /** As in `Faults`: the server's own time limit ends a statement. */
  limit(handle: Handle, note: Note): Promise<Error>
  /** As in `Faults`: a statement is cancelled from outside, after it has begun. */
  cancel(handle: Handle, note: Note): Promise<Error>
  /** As in `Faults`: an administrator ends the connection between two statements. */
  kill(handle: Handle, note: Note): Promise<Error>

  /** Ways to leave a temporary object on the connection. Each is tried by itself; none does more than that. */
  temporary(handle: Handle): Ways
  /** Ways to leave an open cursor. */
  heldCursor(handle: Handle): Ways
  /** Ways to change a setting of the session. */
  setting(handle: Handle): Ways
  /** Ways to leave a lock. */
  lock(handle: Handle): Ways

  /** One more isolation over the same store, which the law closes; what is not its own stays open. */
  second(): Promise<Isolation<Handle>>
}

/** Each is refused by an error, or what it left is gone when the next tenant comes. */
export type Ways = readonly (() => Promise<unknown>)[]

/** The name of an ability. */
export type Ability = keyof Abilities<unknown>

/** Said in the place of an ability that the store does not have: why. It stands in the report, beside the law that is skipped. */
export interface Cannot {
  readonly cannot: string
}

/** Every ability, or why there is none. Complete, so that a new ability of the suite is a decision of each adapter. */
export type Manifest<Handle> = { readonly [K in Ability]: Abilities<Handle>[K] | Cannot }
