import { type Awaitable, TenancyError, type Tenant } from '@tenantry/core'
import type { ClientSession, Db } from 'mongodb'
import type { BsonWays } from '../fence/canonical.ts'
import type { FenceRules } from '../fence/check-values.ts'

/** A tenant's database, kept open for whoever holds it. */
export interface Held {
  readonly db: Db
  readonly session?: ClientSession
  /** Lets it go. Idempotent. */
  release(): void
}

/** Whose operations these are, and where they go. */
export interface Scope {
  readonly rules: FenceRules
  readonly ways: BsonWays
  /** The tenant, asked anew. @throws {TenancyError} what the source throws; `SCOPE_CLOSED` or `SCOPE_MISMATCH` in a transaction. */
  tenant(): Tenant
  /** The name of a tenant's database. @throws {TenancyError} `PLACEMENT_INVALID` */
  database(tenant: Tenant): string
  /** The tenant's database. @param onEnd - called when it has to be let go: the tenant is erased, or the isolation closed. */
  hold(tenant: Tenant, onEnd?: () => void): Awaitable<Held>
  /** The error that the user gets for one of the driver's. */
  translate(error: unknown, tenant: Tenant): unknown
}

/** Asks for the tenant, and does work in its database. */
export async function inScope<T>(scope: Scope, work: (held: Held) => Promise<T>): Promise<T> {
  return inDatabase(scope, scope.tenant(), work)
}

/** Does work in the database of a tenant that was asked for just now. */
export async function inDatabase<T>(scope: Scope, tenant: Tenant, work: (held: Held) => Promise<T>): Promise<T> {
  const given = scope.hold(tenant)
  const held = given instanceof Promise ? await given : given
  try {
    return await work(held)
  } catch (error) {
    throw scope.translate(error, tenant)
  } finally {
    held.release()
  }
}

/** @throws {TenancyError} `SCOPE_MISMATCH` when what was opened for one tenant is used for another. */
export function sameTenant(scope: Scope, opened: Tenant): Tenant {
  const current = scope.tenant()
  if (current.id !== opened.id) throw new TenancyError('SCOPE_MISMATCH', { lease: opened.id, current: current.id })
  return current
}
