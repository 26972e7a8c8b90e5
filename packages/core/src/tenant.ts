/**
 * Where a tenant stands in its life. Only `active` is served.
 *
 * `provisioning → active ⇄ suspended → archived → deprovisioning → (gone)`, and `provisioning → failed → provisioning`.
 */
export type TenantStatus = 'provisioning' | 'active' | 'suspended' | 'archived' | 'deprovisioning' | 'failed'

/** Where a tenant's data lives: storage keys and coordinates, derived once, stored, never computed again, never secret. */
export type Placement = Readonly<Record<string, string>>

/** A tenant as the registry knew it when it was read: a frozen snapshot. */
export interface Tenant {
  /** Opaque and immutable: 1–64 of `[A-Za-z0-9_-]`, never containing `_sk_`. A UUID of version 7 by default. */
  readonly id: string
  /** A DNS label of at most 63 bytes, lower-case, unique, never a reserved word. */
  readonly slug: string
  /** For people. Never used to look a tenant up. */
  readonly name: string
  readonly status: TenantStatus
  readonly placement: Placement
  /** The tenant that requests without a signal may fall back to. At most one. */
  readonly isDefault: boolean
  /** The tenant that hosts the administrators. At most one. It sees no other tenant's data. */
  readonly isControl: boolean
  /** Goes up by one with every change: optimistic concurrency, and the stamp of caches. */
  readonly version: number
  /** What the application keeps with a tenant. Never secrets: tenants are logged. */
  readonly settings: Readonly<Record<string, unknown>>
}

/**
 * The tenant that a handle works for. Called before every statement, so that a handle never outlives its unit of work.
 *
 * @throws {TenancyError} `TENANT_CONTEXT_MISSING` where there is none.
 */
export type TenantSource = () => Tenant
