import type { Tenant } from '@tenantry/core'
import { storageNames } from '@tenantry/pg-schema'
import type pg from 'pg'

/** The names of a tenant's schema and role; fit for SQL without quotes. */
export interface Store {
  readonly schema: string
  readonly role: string
}

/** The stores of all tenants. Nothing in SQL keeps their names from attackers. */
export interface Stores {
  of(tenant: Pick<Tenant, 'id'>): Store
}

/** Reads from the catalogue whose is what. */
export async function storesOf(admin: pg.Pool): Promise<Stores> {
  const { rows } = await admin.query<Store & { readonly tenant: string }>(
    `select s.tenant, s.name as schema, r.name as role from (
       select nspname as name, obj_description(oid, 'pg_namespace')::json->>'tenant' as tenant from pg_namespace
        where obj_description(oid, 'pg_namespace') like '{"tenantry":"pg-schema","tenant":%'
     ) s join (
       select rolname as name, m.mark->>'tenant' as tenant from pg_roles
         cross join lateral (select shobj_description(oid, 'pg_authid')::json) m (mark)
        where shobj_description(oid, 'pg_authid') like '{"tenantry":"pg-schema","tenant":%' and m.mark->>'database' = current_database()
     ) r using (tenant)`,
  )
  const naming = storageNames({})
  const stores = new Map<string, Store>(rows.map(({ tenant, schema, role }) => [tenant, { schema, role }]))
  return {
    of({ id }) {
      // A mark has the digest of the id, which ends the name of the role too.
      const store = stores.get(naming({ id, placement: {}, isDefault: false }).role.slice(2))
      if (store === undefined) throw new Error(`Nothing is known of the store of ${id}.`)
      return store
    },
  }
}
