import { type Erasure, memoryRegistry, TenancyError, type Tenant } from '@tenantry/core'
import { type DatabaseServer, type PgDatabase, placeTenants } from '@tenantry/pg-database'
import type pg from 'pg'
import type { TenantCredentials } from './credentials.ts'
import { type TenantRow, tenantOf } from './tenant-registry.ts'

/** What an operator says of a new tenant. It is placed by region, by jurisdiction, or by both. */
export interface NewTenant {
  readonly slug: string
  readonly name: string
  readonly region?: string
  readonly jurisdiction?: string
}

/** The life of tenants. */
export interface Tenants {
  /** @throws {TenancyError} `TENANT_NOT_FOUND` */
  find(slug: string): Promise<Tenant>
  list(): Promise<readonly Tenant[]>
  /**
   * Makes a tenant, its database and its role. One that was given up half-way is finished by the same call, where it was placed then.
   *
   * @throws {TenancyError} `INPUT_INVALID`, `TENANT_EXISTS`, what provisioning throws.
   */
  create(input: NewTenant): Promise<Tenant>
  /** Refuses it from the next request on, and resolves when its connections and its logins are gone. */
  suspend(slug: string): Promise<Tenant>
  resume(slug: string): Promise<Tenant>
  /** Erases it with all that it has, credentials of its agents too. A call that was given up half-way is finished by the next. */
  erase(slug: string): Promise<Erasure>
}

export interface TenantsOptions {
  readonly pool: pg.Pool
  readonly servers: Readonly<Record<string, DatabaseServer>>
  readonly databases: PgDatabase
  readonly credentials: TenantCredentials
}

export function createTenants({ pool, servers, databases, credentials }: TenantsOptions): Tenants {
  const place = placeTenants(servers, ({ settings }) => chooseServer(servers, settings as Partial<NewTenant>))

  async function change(text: string, values: readonly unknown[]): Promise<Tenant | undefined> {
    const { rows } = await pool.query<TenantRow>(`${text} returning *`, [...values])
    return rows[0] && tenantOf(rows[0])
  }

  async function setStatus(slug: string, to: string, from: readonly string[]): Promise<Tenant> {
    const text = `update registry_tenants set status = $2, version = version + 1 where slug = $1 and status = any ($3)`
    const changed = await change(text, [slug, to, [...from, to]])
    if (changed === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: `slug ${slug}` })
    return changed
  }

  async function find(slug: string): Promise<Tenant> {
    const { rows } = await pool.query<TenantRow>('select * from registry_tenants where slug = $1', [slug])
    if (rows[0] === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: `slug ${slug}` })
    return tenantOf(rows[0])
  }

  return {
    find,
    async list() {
      const { rows } = await pool.query<TenantRow>('select * from registry_tenants order by slug')
      return rows.map(tenantOf)
    },
    async create({ slug, name, region, jurisdiction }) {
      // The rules of the core's own registry, and an id.
      const { id } = memoryRegistry().add({ slug, name })
      const placement = place({ id, slug, settings: { region, jurisdiction } })
      const made = await change(
        `insert into registry_tenants as t (id, slug, name, placement) values ($1, $2, $3, $4)
           on conflict (slug) do update set name = excluded.name where t.status = 'provisioning'`,
        [id, slug, name, placement],
      )
      if (made === undefined) throw new TenancyError('TENANT_EXISTS', { field: 'slug', value: slug })
      await databases.provision(made)
      return setStatus(slug, 'active', ['provisioning'])
    },
    async suspend(slug) {
      const tenant = await setStatus(slug, 'suspended', ['active'])
      await databases.evict(tenant)
      return tenant
    },
    resume: slug => setStatus(slug, 'active', ['suspended']),
    async erase(slug) {
      const tenant = await setStatus(slug, 'deprovisioning', ['provisioning', 'active', 'suspended'])
      const { erased } = await databases.deprovision(tenant)
      const count = await credentials.forget(tenant.id)
      await pool.query('delete from registry_tenants where id = $1', [tenant.id])
      return { tenant: tenant.id, erased: [...erased, { kind: 'credentials', name: 'registry_credentials', count }] }
    },
  }
}

/** The first server that is where the tenant must be. Data that must stay somewhere is never placed by guess. */
function chooseServer(
  servers: Readonly<Record<string, DatabaseServer>>,
  { region, jurisdiction }: Partial<NewTenant>,
): string {
  const fits = (server: DatabaseServer) =>
    (region === undefined || server.region === region) &&
    (jurisdiction === undefined || server.jurisdiction === jurisdiction)
  const found = Object.entries(servers).find(([, server]) => fits(server))
  if (found !== undefined && (region !== undefined || jurisdiction !== undefined)) return found[0]
  const places = Object.values(servers).map(server => `${server.region} (${server.jurisdiction})`)
  throw new TenancyError('INPUT_INVALID', {
    field: 'region, jurisdiction',
    rule: `must name a place where there is a server: ${places.join(', ')}`,
  })
}
