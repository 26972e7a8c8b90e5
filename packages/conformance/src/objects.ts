import type { Tenant } from '@tenantry/core'

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
