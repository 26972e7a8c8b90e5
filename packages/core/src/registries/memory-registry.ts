import { TenancyError } from '../errors.ts'
import type { TenantRegistry } from '../registry.ts'
import type { Tenant } from '../tenant.ts'
import { type CheckedTenantInput, checkTenantInput, makeTenant, type TenantInput } from '../tenant-input.ts'

/** What may be changed of a tenant; its id never. */
export type TenantChange = Partial<Omit<TenantInput, 'id'>>

/** A registry in this process's memory: for tests, demos and tenants that are known at start. */
export interface MemoryRegistry extends TenantRegistry {
  /**
   * Adds a tenant; the next request for it is served.
   *
   * @throws {TenancyError} `INPUT_INVALID` naming the field and the rule; `TENANT_EXISTS` when the id, the slug or a domain
   * is taken, or when there is a default or control tenant already.
   */
  add(input: TenantInput): Tenant
  /**
   * Changes a tenant and raises its version.
   *
   * @param expected - the version that the change was made from; another one is refused.
   * @throws {TenancyError} `TENANT_NOT_FOUND`, `VERSION_CONFLICT`, `INPUT_INVALID`, `TENANT_EXISTS`
   */
  update(id: string, change: TenantChange, expected?: number): Tenant
  /**
   * Removes a tenant. Its id and its slugs, also former ones, are never given to another (threat L5); its domains are free.
   *
   * @throws {TenancyError} `TENANT_NOT_FOUND`
   */
  remove(id: string): void
  /** The domains of a tenant, in the order in which they were given. */
  domains(id: string): readonly string[]
}

interface Entry {
  readonly input: CheckedTenantInput
  readonly tenant: Tenant
}

/**
 * A {@link TenantRegistry} over a list in memory.
 *
 * @throws {TenancyError} as {@link MemoryRegistry.add}
 * @example
 * const registry = memoryRegistry([{ slug: 'acme', name: 'Acme', domains: ['acme.example'] }])
 */
export function memoryRegistry(tenants: readonly TenantInput[] = []): MemoryRegistry {
  const entries = new Map<string, Entry>()
  // Ids are case-sensitive, but two that differ by case only are refused: some stores fold names.
  const ids = new Map<string, string>()
  // Every slug that was ever given: links and caches may still have it.
  const slugs = new Map<string, string>()
  const domains = new Map<string, string>()

  function store(input: CheckedTenantInput, tenant: Tenant): Tenant {
    refuseTaken(ids, tenant.id.toLowerCase(), tenant.id, 'id')
    refuseTaken(slugs, input.slug, tenant.id, 'slug')
    for (const domain of input.domains) refuseTaken(domains, domain, tenant.id, 'domain')
    refuseSecond('isDefault', tenant)
    refuseSecond('isControl', tenant)

    const before = entries.get(tenant.id)
    if (before !== undefined) {
      for (const domain of before.input.domains) domains.delete(domain)
    }
    ids.set(tenant.id.toLowerCase(), tenant.id)
    slugs.set(input.slug, tenant.id)
    for (const domain of input.domains) domains.set(domain, tenant.id)
    entries.set(tenant.id, { input, tenant })
    return tenant
  }

  function refuseTaken(taken: Map<string, string>, value: string, id: string, field: 'id' | 'slug' | 'domain'): void {
    const owner = taken.get(value)
    if (owner !== undefined && owner !== id) throw new TenancyError('TENANT_EXISTS', { field, value })
  }

  function refuseSecond(flag: 'isDefault' | 'isControl', tenant: Tenant): void {
    if (!tenant[flag]) return
    for (const other of entries.values()) {
      if (other.tenant[flag] && other.tenant.id !== tenant.id) {
        throw new TenancyError('TENANT_EXISTS', { field: flag, value: other.tenant.id })
      }
    }
  }

  const registry: MemoryRegistry = {
    find(key) {
      if (key.kind === 'id') return entries.get(key.value)?.tenant
      const value = key.value.toLowerCase()
      const id = (key.kind === 'slug' ? slugs : domains).get(value)
      const tenant = id === undefined ? undefined : entries.get(id)?.tenant
      return key.kind === 'slug' && tenant?.slug !== value ? undefined : tenant
    },
    findDefault() {
      for (const { tenant } of entries.values()) if (tenant.isDefault) return tenant
      return undefined
    },
    async *list() {
      for (const id of [...entries.keys()].sort()) {
        const entry = entries.get(id)
        if (entry !== undefined) yield entry.tenant
      }
    },
    add(input) {
      const checked = checkTenantInput(input)
      const tenant = makeTenant(checked)
      if (ids.has(tenant.id.toLowerCase())) throw new TenancyError('TENANT_EXISTS', { field: 'id', value: tenant.id })
      return store({ ...checked, id: tenant.id }, tenant)
    },
    update(id, change, expected) {
      const before = entryOf(id)
      const actual = before.tenant.version
      if (expected !== undefined && expected !== actual) {
        throw new TenancyError('VERSION_CONFLICT', { tenant: id, expected, actual })
      }
      const input = checkTenantInput({ ...before.input, ...change, id })
      return store(input, makeTenant(input, actual + 1))
    },
    remove(id) {
      for (const domain of entryOf(id).input.domains) domains.delete(domain)
      entries.delete(id)
    },
    domains: id => entries.get(id)?.input.domains ?? [],
  }

  function entryOf(id: string): Entry {
    const entry = entries.get(id)
    if (entry === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${id}` })
    return entry
  }

  for (const tenant of tenants) registry.add(tenant)
  return registry
}
