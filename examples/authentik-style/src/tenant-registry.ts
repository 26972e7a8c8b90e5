import type { Tenant, TenantRegistry, TenantStatus } from '@tenantry/core'
import type pg from 'pg'

/**
 * The tables of the registry. They stand in a schema of their own rather than in `public`, where the default tenant would
 * have the use of them.
 */
export const registryTables = `
  create schema if not exists tenancy;
  create table if not exists tenancy.tenants (
    id text primary key default gen_random_uuid()::text,
    name text not null,
    schema_name text not null unique,
    status text not null default 'provisioning',
    is_default boolean not null default false,
    version integer not null default 1
  );
  create unique index if not exists one_default on tenancy.tenants (is_default) where is_default;
  create table if not exists tenancy.domains (
    domain text primary key,
    tenant text not null references tenancy.tenants on delete cascade
  );
  create or replace function tenancy.keep_default() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
    as $$ begin raise exception 'The default tenant stays.'; end $$;
  create or replace trigger keep_default before delete on tenancy.tenants
    for each row when (old.is_default) execute function tenancy.keep_default()`

interface TenantRow {
  readonly id: string
  readonly name: string
  readonly schema_name: string
  readonly status: TenantStatus
  readonly is_default: boolean
  readonly version: number
}

/** Looks tenants up, as the runtime role, which may read the registry and not write it. */
export interface SchemaRegistry extends TenantRegistry {
  /** The tenant that has this schema. */
  findSchema(schema: string): Promise<Tenant | undefined>
}

/** The registry over the tables of {@link registryTables}. Nothing is cached: a domain works from the moment it is added. */
export function tenantRegistry(pool: pg.Pool): SchemaRegistry {
  async function select(condition: string, values: readonly string[] = []): Promise<readonly Tenant[]> {
    const text = `select id, name, schema_name, status, is_default, version from tenancy.tenants where ${condition} order by id`
    const { rows } = await pool.query<TenantRow>(text, [...values])
    return rows.map(tenantOf)
  }
  async function one(condition: string, values?: readonly string[]): Promise<Tenant | undefined> {
    return (await select(condition, values))[0]
  }

  return {
    async find({ kind, value }) {
      if (kind === 'domain') return one('id = (select tenant from tenancy.domains where domain = $1)', [value])
      return one('id = $1', [kind === 'slug' ? value.toLowerCase() : value])
    },
    findDefault: () => one('is_default'),
    findSchema: schema => one('schema_name = $1', [schema]),
    async *list() {
      yield* await select('true')
    },
  }
}

function tenantOf({ id, name, schema_name, status, is_default, version }: TenantRow): Tenant {
  return {
    id,
    // Nobody names a tenant by a slug here, and a UUID is a good one.
    slug: id,
    name,
    status,
    placement: { schema: schema_name },
    isDefault: is_default,
    isControl: false,
    version,
    settings: {},
  }
}
