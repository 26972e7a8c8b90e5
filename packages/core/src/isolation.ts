import type { Tenant, TenantSource } from './tenant.ts'

/** What an isolation promises. The conformance suite proves each promise that is made, and no other. */
export interface Claims {
  /** Data of several tenants stands side by side in one store (a table, a key space), told apart by a tenant column or key. */
  readonly sharedStore: boolean
  /** The server itself refuses to cross tenants: a query without any filter, or an unscoped connection, gets nothing. */
  readonly enforced: boolean
  /** Connections are used by several tenants one after another, so that residue could pass between them. */
  readonly pooled: boolean
  /** A handle can do several things in one atomic unit of work. */
  readonly transactions: boolean
  /** Each tenant has objects of its own (a schema, a database, a key space) that `provision` makes. */
  readonly objects: boolean
}

/** An unsafe piece of configuration, found before it leaks. */
export interface Finding {
  /** The id in the threat catalogue, such as `R1`. */
  readonly id: string
  /** An `error` makes the isolation refuse to start; a `warning` is worth mending. */
  readonly severity: 'error' | 'warning'
  /** What it is about, such as `table public.notes`. */
  readonly object: string
  /** What is wrong, as a sentence. */
  readonly problem: string
  /** The statement or the step that mends it. */
  readonly fix: string
}

/** Things of one kind that a tenant has, or had: a schema, a table's rows, a prefix's keys. */
export interface Holding {
  /** Such as `table`, `schema`, `role`, `keys`. */
  readonly kind: string
  readonly name: string
  /** Rows, keys, files; 1 for a thing that is one, such as a schema. */
  readonly count: number
}

/** What was erased of a tenant. */
export interface Erasure {
  readonly tenant: string
  readonly erased: readonly Holding[]
}

/** Whether a tenant's store answers. `latency` is in milliseconds. */
export type Health =
  | { readonly ok: true; readonly latency: number }
  | { readonly ok: false; readonly latency: number; readonly reason: string }

/**
 * What keeps tenants apart: the port that adapters fill in.
 *
 * An adapter takes the tenant explicitly and never reads ambient context. Clients and pools are passed in; whoever opened
 * one closes it.
 *
 * @typeParam Handle - what a unit of work uses, such as a scoped pool.
 */
export interface Isolation<Handle> {
  /** Short and stable, such as `pg-rls`; used in logs and reports. */
  readonly name: string
  /** What it promises. */
  readonly claims: Claims
  /**
   * The handle of a tenant. Cheap, and no I/O until it is used.
   *
   * @param tenant - asked before every use; what it throws is what the caller gets, before anything is sent.
   */
  handle(tenant: TenantSource): Handle
  /**
   * Resolves when the configuration is safe. A handle waits for it before its first statement; call it at start to learn of
   * an unsafe configuration before the first request does.
   *
   * @throws {TenancyError} `UNSAFE_CONFIGURATION` with the findings.
   */
  ready(): Promise<void>
  /** Makes what a tenant needs. Idempotent. Never adopts an object that it did not make. */
  provision(tenant: Tenant): Promise<void>
  /** Erases what a tenant has. Idempotent. Says what it erased. */
  deprovision(tenant: Tenant): Promise<Erasure>
  /**
   * Makes the server refuse the tenant's statements, whoever sends them, until {@link Isolation.resume}: the fence behind a tenant that
   * is suspended, archived or erased. Once it resolves, none is under way any more and nothing lands. Idempotent; concerns no
   * other tenant. Absent where the server cannot do it: the processes alone refuse then.
   *
   * @param deadline - milliseconds that what is under way may still take; then the server ends it.
   */
  suspend?(tenant: Tenant, deadline: number): Promise<void>
  /** Takes the fence away. Idempotent. */
  resume?(tenant: Tenant): Promise<void>
  /**
   * What there is of the tenant in this store, counted without leaving anything behind: the dry run before an erasure, and the proof
   * behind it that nothing is left. Empty when there is nothing. Asks the server, and believes no record of ours.
   */
  inventory?(tenant: Tenant): Promise<readonly Holding[]>
  /** Unsafe configuration, found before it leaks; empty when all is well. */
  verify(): Promise<readonly Finding[]>
  /** Whether this tenant's store answers. Does not throw for a store that is down. */
  health(tenant: Tenant): Promise<Health>
  /** Lets go of what the adapter itself opened. Handles refuse to work afterwards. Idempotent. */
  close(): Promise<void>
}
