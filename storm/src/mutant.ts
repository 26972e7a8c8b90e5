import type { Isolation } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import type pg from 'pg'
import type { IsolationKind } from './isolation-kind.ts'
import type { Ground } from './isolations/postgres/ground.ts'

/** The isolation with one thing broken on purpose, to show that the storm would find it. Runs directly, without a pooler. */
export interface Mutant {
  readonly name: string
  readonly what: string
  /** Whose mutant it is. */
  readonly kind: IsolationKind
  /** What is broken in the database; run by the superuser when everything is there. */
  statements?(ground: Pick<Ground, 'admin' | 'database'>): readonly string[] | Promise<readonly string[]>
  /** Connects as the owner of the tables. */
  readonly asOwner?: boolean
  /** What is broken on the wire. */
  onConnect?(client: pg.Client): void
  /** What is broken around the isolation. */
  wrap?(
    isolation: Isolation<TenantPool>,
    ground: Pick<Ground, 'admin' | 'pool' | 'clients'>,
  ): Isolation<TenantPool> | Promise<Isolation<TenantPool>>
}
