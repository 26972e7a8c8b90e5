import type { Tenant } from '@tenantry/core'
import type pg from 'pg'
import type { Scope, ScopeSql, Seal } from './scope.ts'
import type { SessionStatePolicy } from './session-state-policy.ts'
import type { SessionUse } from './session-trace.ts'
import type { StatementKind } from './statement-kind.ts'

/** A statement as the caller gave it, checked. */
export interface Statement {
  readonly kind: Exclude<StatementKind['kind'], 'refused'>
  readonly uses: SessionUse
  readonly text: string
  readonly values: readonly unknown[] | undefined
  readonly name: string | undefined
  readonly rowMode: string | undefined
  readonly types: pg.CustomTypesConfig | undefined
  readonly binary: boolean | undefined
  /** Milliseconds after which the client gives up; of `pg`. */
  readonly queryTimeout: number | undefined
}

/** The scope of one tenant, as it goes over the wire. */
export interface TenantScope {
  readonly tenant: Tenant
  readonly sql: ScopeSql
  /** The values of the settings, without the proof. */
  readonly values: readonly string[]
  readonly seal: Seal | undefined
  /** Stands in front of the names of prepared statements; '' where tenants share them. */
  readonly prepares: string
  /** As in {@link Scope}. */
  readonly refusal: Scope['refusal'] | undefined
  /** Whether statements may be prepared under a name; a pooler may not know those. */
  readonly named: boolean
  readonly sessionState: SessionStatePolicy
}

/**
 * Where a statement stands. `alone`: a single statement of a pool, which must never run inside a transaction. `last`: the one
 * statement of a transaction that was begun for it, committed in the same write. `lease`: as its caller says.
 */
export type Standing = 'alone' | 'last' | 'lease'
