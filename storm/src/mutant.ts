import type { Isolation } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import type pg from 'pg'
import type { SealChoice } from './world.ts'

/** The isolation with one thing broken on purpose, to show that the storm would find it. Runs directly, without a pooler. */
export interface Mutant {
  readonly name: string
  readonly what: string
  readonly seal: SealChoice
  /** What is broken in the database; run by the superuser. */
  statements?(admin: pg.Pool): readonly string[] | Promise<readonly string[]>
  /** Connects as the owner of the tables. */
  readonly asOwner?: boolean
  /** What is broken on the wire. */
  onConnect?(client: pg.Client): void
  /** What is broken around the isolation. */
  wrap?(isolation: Isolation<TenantPool>, clients: ReadonlySet<pg.Client>): Isolation<TenantPool>
}
