import { createTenancy, type Logger, type MemoryRegistry, memoryRegistry, type Tenancy } from '@tenantry/core'
import type { Subject } from './subject.ts'

/** A tenancy and the registry behind it. */
export interface World {
  readonly registry: MemoryRegistry
  readonly tenancy: Tenancy
}

function ignored(): void {
  // What a law does on purpose needs no log: the report says how it went.
}

/** Says nothing. */
export const silent: Logger = { debug: ignored, info: ignored, warn: ignored, error: ignored }

const worlds = new WeakMap<object, World>()

/**
 * One tenancy for each way of making one, not for each law: Node 20 asks every AsyncLocalStorage that was ever entered
 * whenever a promise is made. Laws do not meet in it, since each has tenants of its own.
 */
export function worldOf<Handle>({ tenancy = createTenancy }: Pick<Subject<Handle>, 'tenancy'>): World {
  const known = worlds.get(tenancy)
  if (known !== undefined) return known
  const registry = memoryRegistry()
  const world = { registry, tenancy: tenancy({ registry, logger: silent }) }
  worlds.set(tenancy, world)
  return world
}
