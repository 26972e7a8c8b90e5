import { frozenTenant, type Json, type Placement, type Tenant, type TenantStatus } from '@tenantry/core'
import { sql } from 'kysely'
import type { Registry } from './tables.ts'

/** What is read of a tenant, in one query. */
export interface TenantRow {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly status: TenantStatus
  readonly is_default: boolean
  readonly is_control: boolean
  readonly version: number
  readonly settings: { readonly [name: string]: Json }
  readonly placement: Placement
}

/** All tenants as rows; whoever calls it says which. */
export function selectTenants(db: Registry) {
  return db
    .selectFrom('registry_tenants as t')
    .select(['t.id', 't.slug', 't.name', 't.status', 't.is_default', 't.is_control', 't.version', 't.settings'])
    .select(eb =>
      eb
        .selectFrom('registry_placements as p')
        .select(sql<Placement>`coalesce(jsonb_object_agg(p.key, p.value), '{}')`.as('all'))
        .whereRef('p.tenant', '=', 't.id')
        .as('placement'),
    )
}

/** The snapshot of a row that nobody else has. */
export function tenantOf(row: TenantRow): Tenant {
  const { id, slug, name, status, is_default: isDefault, is_control: isControl, version, settings, placement } = row
  return frozenTenant({ id, slug, name, status, placement, isDefault, isControl, version, settings })
}
