import type { CredentialSource, Isolation, Tenant } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import type { PgDatabase } from '@tenantry/pg-database'
import type pg from 'pg'
import type { IsolationKind } from './isolation-kind.ts'
import type { Estate } from './isolations/database/estate.ts'
import type { Ground } from './isolations/postgres/ground.ts'

/** What only an isolation has that opens its own connections. */
export interface DatabaseBreaks {
  /** Changes where a client connects to. */
  opening?(client: pg.Client): void
  /** Gives other logins. */
  credentials?(source: CredentialSource): CredentialSource
  /** Breaks what is on the servers; as the superuser. */
  spoil?(estate: Estate, tenants: readonly Tenant[]): Promise<void>
  wrap?(isolation: PgDatabase, clients: ReadonlySet<pg.Client>): PgDatabase
}

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
  /** What is broken where every tenant has a database. */
  readonly database?: DatabaseBreaks
}
