import { domainToASCII } from 'node:url'
import {
  type Erasure,
  type Isolation,
  isTenancyError,
  memoryRegistry,
  TenancyError,
  type Tenant,
  type TenantInput,
} from '@tenantry/core'
import { checkStorageKey } from '@tenantry/pg-schema'
import type pg from 'pg'
import type { SchemaRegistry } from './tenant-registry.ts'

/** A tenant as the tenancy API shows it. */
export interface ListedTenant {
  readonly name: string
  readonly schema_name: string
  readonly status: string
  readonly domains: readonly string[]
}

/** What the life of tenants needs. */
export interface TenantsOptions {
  readonly provisioner: pg.Pool
  readonly registry: SchemaRegistry
  /**
   * Where a tenant has things, in the order in which they are made; they are erased from the end. All but the last must find what
   * they made for a tenant that came to nothing as good as new.
   */
  readonly stores: readonly Pick<Isolation<unknown>, 'provision' | 'deprovision'>[]
}

/** The life of tenants. A tenant is named by its schema. */
export interface Tenants {
  /** Makes the default tenant, if it is not there. Several processes may do so at once. */
  ensureDefault(): Promise<void>
  list(): Promise<readonly ListedTenant[]>
  /**
   * Makes a tenant and all that it needs. One that was given up half-way is finished by the same call.
   *
   * @throws {TenancyError} `INPUT_INVALID`; `TENANT_EXISTS` when a tenant has the schema, `OBJECT_FOREIGN` when it is somebody
   * else's; what provisioning throws.
   */
  create(input: { readonly name: unknown; readonly schema_name: unknown }): Promise<void>
  /**
   * Erases a tenant with all that it has. A call that was given up half-way is finished by the next.
   *
   * @throws {TenancyError} `TENANT_NOT_FOUND`; `TENANT_PROTECTED` for the default tenant; what deprovisioning throws.
   */
  remove(schema: string): Promise<Erasure>
  /**
   * Lets requests to a domain reach the tenant.
   *
   * @returns the domain as the host of a request is compared.
   * @throws {TenancyError} `TENANT_NOT_FOUND`, `INPUT_INVALID`; `TENANT_EXISTS` when a tenant has it already.
   */
  addDomain(schema: string, domain: string): Promise<string>
  /** Lets them reach the default tenant again. @throws {TenancyError} `TENANT_NOT_FOUND`, `INPUT_INVALID` */
  removeDomain(schema: string, domain: string): Promise<void>
}

/** The tenants of {@link SchemaRegistry}, written as the provisioner. */
export function createTenants({ provisioner, registry, stores }: TenantsOptions): Tenants {
  async function bySchema(schema: string): Promise<Tenant> {
    const tenant = await registry.findSchema(schema)
    if (tenant === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: `schema ${schema}` })
    return tenant
  }

  async function activate(tenant: Tenant): Promise<void> {
    for (const store of stores) await store.provision(tenant)
    await provisioner.query(
      `update tenancy.tenants set status = 'active', version = version + 1 where id = $1 and status = 'provisioning'`,
      [tenant.id],
    )
  }

  return {
    async ensureDefault() {
      await provisioner.query(
        `insert into tenancy.tenants (name, schema_name, is_default) values ('Default', 'public', true) on conflict do nothing`,
      )
      const tenant = await bySchema('public')
      if (tenant.status === 'provisioning') await activate(tenant)
    },

    async list() {
      const { rows } = await provisioner.query<ListedTenant>(
        `select name, schema_name, status,
                array(select domain from tenancy.domains d where d.tenant = t.id order by domain) as domains
           from tenancy.tenants t order by is_default desc, schema_name`,
      )
      return rows
    },

    async create({ name, schema_name }) {
      const schema = schemaName(schema_name)
      checkInput({ name: name as string })
      const { rowCount } = await provisioner.query(
        `insert into tenancy.tenants as t (name, schema_name) values ($1, $2)
           on conflict (schema_name) do update set name = excluded.name where t.status = 'provisioning'`,
        [name, schema],
      )
      if (rowCount === 0) throw new TenancyError('TENANT_EXISTS', { field: 'schema', value: schema })
      const tenant = await bySchema(schema)
      try {
        await activate(tenant)
      } catch (error) {
        // The name is not to be had; whoever has it must not meet a tenant that was never made.
        if (isTenancyError(error) && error.code === 'OBJECT_FOREIGN')
          await provisioner.query(`delete from tenancy.tenants where id = $1 and status = 'provisioning'`, [tenant.id])
        throw error
      }
    },

    async remove(schema) {
      const tenant = await bySchema(schema)
      if (tenant.isDefault) throw new TenancyError('TENANT_PROTECTED', { tenant: tenant.id, action: 'deleted' })
      // From here on it is served to nobody.
      await provisioner.query(
        `update tenancy.tenants set status = 'deprovisioning', version = version + 1 where id = $1`,
        [tenant.id],
      )
      const erased: Erasure['erased'][number][] = []
      for (const store of stores.toReversed()) erased.push(...(await store.deprovision(tenant)).erased)
      await provisioner.query('delete from tenancy.tenants where id = $1', [tenant.id])
      return { tenant: tenant.id, erased }
    },

    async addDomain(schema, domain) {
      const { id } = await bySchema(schema)
      const host = hostOf(domain)
      const { rowCount } = await provisioner.query(
        'insert into tenancy.domains (domain, tenant) values ($1, $2) on conflict do nothing',
        [host, id],
      )
      if (rowCount === 0) throw new TenancyError('TENANT_EXISTS', { field: 'domain', value: host })
      return host
    },

    async removeDomain(schema, domain) {
      const { id } = await bySchema(schema)
      const { rowCount } = await provisioner.query('delete from tenancy.domains where domain = $1 and tenant = $2', [
        hostOf(domain),
        id,
      ])
      if (rowCount === 0) throw new TenancyError('TENANT_NOT_FOUND', { key: `domain ${domain}` })
    },
  }
}

/** The rules of the core's own registry, which is asked for nothing else. */
function checkInput(input: Partial<TenantInput>): void {
  memoryRegistry([{ slug: 'x', name: 'x', ...input }])
}

/** A domain as the host of a request is compared: lower-case A-labels, no trailing dot. */
function hostOf(domain: string): string {
  checkInput({ domains: [domain] })
  return domainToASCII(domain.replace(/\.$/, ''))
}

/** `t_` and what Postgres keeps of a name: 63 bytes. Here a bad one is the caller's mistake. */
function schemaName(given: unknown): string {
  try {
    return checkStorageKey(given as string)
  } catch (error) {
    if (!isTenancyError(error) || error.code !== 'IDENTIFIER_INVALID') throw error
    throw new TenancyError('INPUT_INVALID', { field: 'schema_name', rule: error.details.rule }, { cause: error })
  }
}
