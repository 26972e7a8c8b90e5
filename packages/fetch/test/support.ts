import { createTenancy, host, type Logger, memoryRegistry, type Tenancy, type TenancyOptions } from '@tenantry/core'

/** Keeps nothing; the log of the core has tests of its own. */
export const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

export const registry = memoryRegistry([
  ...Array.from({ length: 5 }, (_, n) => ({ id: `t${n}`, slug: `t${n}`, name: `T ${n}` })),
  { id: 'held', slug: 'held', name: 'Held', status: 'suspended' as const },
])

export function makeTenancy(options: Partial<TenancyOptions> = {}): Tenancy {
  return createTenancy({ registry, resolvers: [host({ baseDomains: ['example.com'] })], logger: silent, ...options })
}
