import type { Claims, Tenant } from '@tenantry/core'

/** The claims of an isolation, and one more that only some make. */
export interface SubjectClaims extends Claims {
  /** Each tenant has objects of its own (a schema, a database, a key space) that `provision` makes. Default `false`. */
  readonly objects?: boolean
}

/** Looks at the objects of a tenant, and tampers with them. */
export interface Objects {
  /**
   * Provisions, and fails before this step (counted from 0) as if the process had been killed there.
   *
   * @returns `false` when there is no such step, so that provisioning came to its end.
   */
  interrupt(tenant: Tenant, step: number): Promise<boolean>
  /** Makes an object of the name that this tenant's would get, as somebody else, with something in it. */
  plant(tenant: Tenant): Promise<void>
  /** What there is under the names of this tenant's objects, and in it, whoever made it; one text each, ordered. */
  left(tenant: Tenant): Promise<readonly string[]>
}
