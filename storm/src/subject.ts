import type { Isolation } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import type pg from 'pg'
import type { Random } from './random.ts'
import type { Operation } from './turn.ts'

/** A row of `notes` or `marks`, as it stands in a store. */
export interface StoredRow {
  /** The id of the tenant in whose place it stands. */
  readonly holder: string
  readonly tag: string | null
}

/** All rows of all tenants. */
export interface StoredRows {
  readonly notes: readonly (StoredRow & { readonly id: number; readonly version: number })[]
  readonly marks: readonly StoredRow[]
}

/** Tells of something that must not be. */
export type Complaint = (name: string, problem: string, kind?: 'leak' | 'wrong') => void

/** An isolation over real servers, in the hands of a storm, which knows nothing of it but this. */
export interface Subject {
  readonly isolation: Isolation<TenantPool>
  /** Everything that a tenant may do. */
  readonly operations: readonly Operation[]
  /** The key of `notes`, as ON CONFLICT takes it. */
  readonly conflict: string
  /** The connections of the application. */
  readonly clients: ReadonlySet<pg.Client>
  /** Ends or cancels what any one of the servers' backends does, on behalf of an administrator. */
  strike(how: 'terminate' | 'cancel', random: Random): Promise<void>
  /** Whether a server is still busy with statements, which their client may have given up long ago. */
  isBusy(): Promise<boolean>
  /** What stands on connections and must not. Looks at so many at once; default all. */
  residue(connections?: number): Promise<readonly string[]>
  /** Every row, past all that keeps tenants apart. */
  stored(): Promise<StoredRows>
  /** Looks at what else must be as it was, when the storm is over. */
  audit?(complain: Complaint): Promise<void>
  /** Ends the isolation and the connections of the application. */
  disconnect(): Promise<void>
  /** Ends everything, and leaves nothing on the servers. */
  close(): Promise<void>
}
