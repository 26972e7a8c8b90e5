import type { Placement, Tenant, TenantRegistry, TenantStatus } from '@tenantry/core'
import type pg from 'pg'

/** A row of `registry_tenants`. */
export interface TenantRow {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly status: TenantStatus
  readonly placement: Placement
  readonly version: number
}

/** The tenants of `registry_tenants`. Nothing is cached: whoever is suspended is refused by the next request. */
export function tenantRegistry(pool: pg.Pool): TenantRegistry {
  async function select(condition: string, values: readonly string[]): Promise<readonly Tenant[]> {
    const { rows } = await pool.query<TenantRow>(`select * from registry_tenants where ${condition} order by id`, [
      ...values,
    ])
    return rows.map(tenantOf)
  }
  return {
    async find({ kind, value }) {
      if (kind === 'domain') return undefined
      const [found] = await select(`${kind} = $1`, [kind === 'slug' ? value.toLowerCase() : value])
      return found
    },
    findDefault: () => undefined,
    async *list() {
      yield* await select('true', [])
    },
  }
}

export function tenantOf({ id, slug, name, status, placement, version }: TenantRow): Tenant {
  return { id, slug, name, status, placement, version, isDefault: false, isControl: false, settings: {} }
}
