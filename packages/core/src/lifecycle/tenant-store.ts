import type { Json } from '../json.ts'
import type { TenantRegistry } from '../registry.ts'
import type { Tenant, TenantStatus } from '../tenant.ts'
import type { CheckedTenantInput } from '../tenant-input.ts'
import type { AuditEntry, AuditLog } from './audit.ts'
import type { OperationKind } from './transitions.ts'

/** One entry of an operation's journal. */
export interface JournalStep {
  /** `<participant>.<member>`, such as `pg-schema.provision`. */
  readonly name: string
  /** `begun` is written before the step is taken, `done` behind it. A step that was undone is `undone`. */
  readonly state: 'begun' | 'done' | 'undoing' | 'undone'
  /** What it gave, such as an erasure. */
  readonly result?: Json
}

/** What was done, is being done or is still to be done to a tenant. */
export interface Operation {
  /** A UUID of version 7. */
  readonly id: string
  readonly tenant: string
  readonly kind: OperationKind
  /**
   * `running`: its steps are taken. `undoing`: one failed, and what was done is undone. `done` and `failed` are for ever, and say
   * the same to whoever asks with its key.
   */
  readonly state: 'running' | 'undoing' | 'done' | 'failed'
  readonly actor: string
  readonly reason?: string
  /** The caller's idempotency key. */
  readonly key?: string
  /** Tells whether two callers with one key asked for the same: SHA-256 of kind and parameters, in hex. */
  readonly digest: string
  /** What the steps need to know. */
  readonly parameters: { readonly [name: string]: Json }
  /** In the order in which they were begun. */
  readonly steps: readonly JournalStep[]
  /** How it ended: what the caller was given, or the error. */
  readonly outcome?: Json
}

/** What a store must be told of a new operation. */
export interface NewOperation
  extends Pick<Operation, 'id' | 'kind' | 'actor' | 'reason' | 'key' | 'digest' | 'parameters'> {
  /**
   * `running`: something is to do behind the change of the record. `done`: nothing is to do behind the change of the record, and its outcome is
   * `{ tenant }`, the tenant as it was written.
   */
  readonly state: 'running' | 'done'
}

/** What an operation does to its tenant's record. */
export type TenantWrite =
  | { readonly insert: CheckedTenantInput & { readonly id: string } }
  | {
      readonly update: string
      /** Checked by the store in the same transaction, with the guards of the operation's transition. */
      readonly set: Partial<Pick<CheckedTenantInput, 'slug' | 'name' | 'domains' | 'settings' | 'status'>>
      /** The version that the caller has seen; another one is refused. */
      readonly expected?: number
    }
  /** Leaves a tombstone: the id, the slugs and the storage keys are never given to another tenant. Domains are free. */
  | { readonly remove: string }

/** What {@link TenantStore.begin} gives. */
export interface Begun {
  /** The operation: the new one, or that of the same key. */
  readonly operation: Operation
  /** Whether it is new. */
  readonly isNew: boolean
  /** The tenant as it is now; absent when it is gone. */
  readonly tenant?: Tenant
  /** The caller's, when the operation is new and running and a lease was asked for. */
  readonly claim?: Claim
}

/** Who works on an operation. Only one does at a time, and each that takes over has a higher number. */
export interface Claim {
  readonly operation: Operation
  readonly number: number
}

/** What is written behind or before a step, in one transaction. */
export interface Progress {
  /** Put at the end of the steps, or in the place of the step with this name. */
  readonly step?: JournalStep
  /** With `done`, the outcome is `{ tenant }`: the tenant as it is behind the write; none where it is gone. */
  readonly state?: Operation['state']
  /** Why it is undone; stays when it has failed. */
  readonly outcome?: Json
  readonly write?: TenantWrite
  readonly audit?: AuditEntry
}

/** A host name that is a tenant's. */
export interface TenantDomain {
  readonly name: string
  /** The one that links lead to: the first that was set. */
  readonly isPrimary: boolean
  /** Whether the tenant has proved that it is theirs. */
  readonly isVerified: boolean
}

/** A page of tenants, in the order of their ids. */
export interface TenantPage {
  readonly tenants: readonly Tenant[]
  /** Give it as `after` for the next page; absent on the last one. */
  readonly next?: string
}

/**
 * A registry that lasts, with the journal of what is done to its tenants: the port that the life cycle writes to.
 *
 * Each method is one transaction. Uniqueness, guards and versions are kept by the store itself, not by whoever calls it.
 */
export interface TenantStore extends TenantRegistry, AuditLog {
  /**
   * Tenants of these statuses (default all) behind a cursor, at most `limit` (default 100, at most 1,000).
   *
   * @throws {TenancyError} `INPUT_INVALID`: both may come from a request.
   */
  page(options?: {
    readonly after?: string
    readonly limit?: number
    readonly statuses?: readonly TenantStatus[]
  }): Promise<TenantPage>
  /** The tenant with `isControl`, or `undefined`. */
  findControl(): Promise<Tenant | undefined>
  /** The domains of a tenant, the primary one first. */
  domains(tenant: string): Promise<readonly TenantDomain[]>
  /**
   * Writes the tenant and the operation, with its audit entry, or nothing. The same key gives the operation that has it.
   *
   * @param lease - milliseconds of the store's own clock for which a new operation that is running is the caller's. Default 0: it is
   * nobody's until it is claimed.
   * @throws {TenancyError} `IDEMPOTENCY_CONFLICT` for the same key with another digest; `OPERATION_UNDERWAY` while another works on
   * the tenant; `TRANSITION_REFUSED`, `TENANT_NOT_FOUND`, `VERSION_CONFLICT`, `TENANT_EXISTS`.
   */
  begin(operation: NewOperation, write: TenantWrite, audit: AuditEntry, lease?: number): Promise<Begun>
  /**
   * Makes the caller the only one who works on an operation, for `lease` milliseconds of the store's own clock.
   *
   * @returns `undefined` when somebody else is, or it has ended.
   */
  claim(operation: string, lease: number): Promise<Claim | undefined>
  /**
   * Writes progress, and has the lease begin anew; one of 0 lets go. A state of `done` or `failed` ends the claim.
   *
   * @returns the tenant behind the write, if one was asked for and it is not gone.
   * @throws {TenancyError} `OPERATION_TAKEN` when the claim is no longer the caller's: nothing was written. What the write throws.
   */
  record(claim: Claim, lease: number, progress: Progress): Promise<Tenant | undefined>
  operation(id: string): Promise<Operation | undefined>
  /** The operation that has this idempotency key. */
  operationOf(key: string): Promise<Operation | undefined>
  /** Operations that are neither done nor failed and that nobody works on, those first that were left alone for the longest time. */
  unfinished(limit: number): Promise<readonly string[]>
  /** What was done to a tenant, the newest first, also behind its end. */
  history(tenant: string, limit?: number): Promise<readonly Operation[]>
}
