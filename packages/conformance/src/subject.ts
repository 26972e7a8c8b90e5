import type { Isolation, Placement, Tenancy, TenancyOptions } from '@tenantry/core'
import type { Manifest } from './abilities.ts'
import type { Objects } from './objects.ts'

/** What the laws write and read. The id is a UUID as text, chosen by the law. */
export interface Note {
  readonly id: string
  readonly text: string
}

/** A note as an administrator sees it, with the id of the tenant that owns it. */
export interface Row extends Note {
  readonly tenant: string
}

/**
 * The verbs of the laws, each one statement. They carry no tenant condition of their own (`select * from notes`, not
 * `… where tenant_id = …`): keeping tenants apart is the work of the isolation.
 */
export interface Notes {
  /** Adds a note; the isolation says whose it is. */
  put(note: Note): Promise<void>
  get(id: string): Promise<Note | undefined>
  /** All notes, in any order. */
  list(): Promise<readonly Note[]>
  /** How many notes there are, counted by the store. */
  count(): Promise<number>
  /** Replaces the text. Resolves to how many notes were changed. */
  update(note: Note): Promise<number>
  /** Resolves to how many notes were removed. */
  remove(id: string): Promise<number>
  /** Adds a note that says it belongs to this tenant. Needed when `sharedStore` is claimed. */
  putAs?(tenant: string, note: Note): Promise<void>
  /** Gives a note to this tenant. Resolves to how many were given. Needed when `sharedStore` is claimed. */
  move?(id: string, tenant: string): Promise<number>
}

/** The world outside the handles, asked by the laws to see what really happened. Nothing here is counted or scoped. */
export interface Outside {
  /**
   * How many statements the server has executed for the role of the handles, counted by the server and up to date when it
   * resolves. Only differences are looked at.
   */
  statements(): Promise<number>
  /** The audit: every note of every tenant, read as an administrator. */
  everything(): Promise<readonly Row[]>
  /** What a new connection of the role of the handles sees without any tenant. Needed when `enforced` is claimed. */
  unscoped?(): Promise<readonly Note[]>
  /**
   * What stands on the pooled connections and belongs to a tenant, one text each: settings, open transactions, temporary
   * objects. A connection that was given up does not count. Needed when `pooled` is claimed.
   */
  residue?(): Promise<readonly string[]>
}

/**
 * Faults, caused on purpose. Each opens a unit of work (a transaction, when `transactions` is claimed), puts the note, then
 * causes the fault in the same unit, and resolves to the error that the unit of work ended with ({@link failureOf}).
 */
export interface Faults<Handle> {
  /** A statement outlasts the client's patience. */
  timeout(handle: Handle, note: Note): Promise<Error>
  /** The connection is lost, such as by `pg_terminate_backend(pg_backend_pid())`. */
  disconnect(handle: Handle, note: Note): Promise<Error>
}

/**
 * What the author of an adapter writes, in one screen: how to reach notes through a handle, and what happened outside.
 *
 * A member that is needed for a claim and missing fails the laws of that claim. Members are called without a `this`.
 * The isolation must have at least two connections to work with, and may not send statements on its own while a law runs.
 */
export interface Subject<Handle> {
  readonly isolation: Isolation<Handle>
  /** Of the server, for the report. */
  readonly server?: string
  /** The verbs through a handle. Called in and out of a tenant's context; no I/O until a verb is called. */
  notes(handle: Handle): Notes
  /**
   * One atomic unit of work on one connection: commits when the work resolves, rolls back and rejects with the work's own
   * error when it rejects. The notes are the unit's: used after its end they refuse. Needed when `transactions` is claimed.
   */
  unit?<T>(handle: Handle, work: (notes: Notes) => Promise<T>): Promise<T>
  /**
   * Whether this is how the store refuses a row of another tenant, such as SQLSTATE 42501, and nothing else: a lost
   * connection is no refusal. Needed when `sharedStore` is claimed.
   */
  refused?(error: unknown): boolean
  readonly outside: Outside
  /** Needed when `pooled` is claimed. */
  readonly faults?: Faults<Handle>
  /** What the store can do beyond the verbs. Laws that need it are skipped without it, and the report says so. */
  readonly more?: Manifest<Handle>
  /** Needed when `objects` is claimed. */
  readonly objects?: Objects
  /** Where a new tenant of this id lives, for an isolation that goes by it. Default nothing. */
  placement?(id: string): Placement
  /** The tenancy to work in, for a host that wraps the core's own. Called once. Default `createTenancy`. */
  tenancy?(options: TenancyOptions): Tenancy
  /** Lets go of everything that the subject opened, the isolation included. */
  close(): Promise<void>
}
