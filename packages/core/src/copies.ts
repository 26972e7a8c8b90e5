const registered = Symbol.for('@tenantry/core/copies')

/**
 * Warns when a second copy of this package is at work in the process (two versions, or two builds of one). Each tenancy keeps
 * its own context, so nothing is shared by accident; but code that imports the other copy does not see this one's tenants.
 */
export function warnOfSecondCopy(self: string = import.meta.url): void {
  const shared = globalThis as { [registered]?: Set<string> }
  const copies = shared[registered] ?? new Set<string>()
  shared[registered] = copies
  if (copies.has(self)) return
  copies.add(self)
  if (copies.size > 1) {
    process.emitWarning(
      `@tenantry/core is loaded ${copies.size} times in this process: ${[...copies].join(', ')}. Tenant contexts are not shared between copies. Make the versions equal (npm ls @tenantry/core).`,
      { type: 'TenantryWarning', code: 'TENANTRY_DUPLICATE' },
    )
  }
}
