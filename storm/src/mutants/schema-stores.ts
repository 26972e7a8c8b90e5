import { TenancyError, type Tenant } from '@tenantry/core'
import { type Scope, scopedPool } from '@tenantry/pg'
import { schema } from '../isolations/schema/schema.ts'
import { type Stores, storesOf } from '../isolations/schema/stores.ts'
import type { Mutant } from '../mutant.ts'

// Mutants of what stands around a tenant's schema.

/** As in pg-schema. */
function scopeOf(stores: Stores): Scope {
  return {
    settings: ['search_path', 'role'],
    values(tenant: Tenant) {
      const store = stores.of(tenant)
      return [`${store.schema},helpers,pg_temp`, store.role]
    },
    condition: `pg_catalog.has_schema_privilege(pg_catalog.split_part($1, ',', 1), 'USAGE')`,
    refusal({ id }, { code = '' }) {
      if (!/^(?:22023|3F000|42501)$/.test(code)) return undefined
      return new TenancyError('TENANT_STORE_MISSING', { tenant: id, isolation: 'pg-schema', reason: code })
    },
  }
}

export const schemaStoreMutants: readonly Mutant[] = [
  {
    name: 'names-shared',
    // No row of another tenant comes of it: the server looks at the path again, and says that the shape has changed. Where all
    // tenants have tables of one shape, this cannot be seen from outside but by the time that it takes.
    what: 'tenants share their prepared statements',
    kind: schema,
    async wrap(isolation, { pool, admin }) {
      const { handle } = scopedPool({ pool, scope: { ...scopeOf(await storesOf(admin)), preparePerTenant: false } })
      return { ...isolation, handle }
    },
  },
  {
    name: 'left-behind',
    what: 'a tenant is said to be deprovisioned, and is not',
    kind: schema,
    wrap: isolation => ({ ...isolation, deprovision: async ({ id: tenant }) => ({ tenant, erased: [] }) }),
  },
]
