import { cachedRegistry, checkTenantInput, makeTenant, type TenantKey } from '@tenantry/core'
import type { Measure } from '../measure.ts'

/** Bytes of the heap for each tenant that is known by its id, its slug and a domain; the tenant itself is among them. */
export async function measureMemory(tenants: number): Promise<{ readonly measures: readonly Measure[] }> {
  const made = (n: number) =>
    makeTenant(
      checkTenantInput({
        slug: `tenant-${n}`,
        name: `Tenant number ${n}`,
        placement: { schema: `t_${n.toString(36).padStart(26, 'a')}` },
        settings: { locale: 'en-GB', brand: { colour: '#336699', logo: `https://cdn.example.com/${n}.svg` } },
      }),
    )

  const before = heap()
  const byHand = new Map(Array.from({ length: tenants }, (_, n) => [`tenant-${n}`, made(n)] as const))
  const ofMap = (heap() - before) / tenants
  byHand.clear()

  // Reads a new snapshot for each question, as a database does.
  const numberOf = ({ value }: TenantKey) => Number(/\d+/.exec(value)?.[0])
  const registry = cachedRegistry(
    { find: async key => made(numberOf(key)), findDefault: () => undefined, list: () => emptyList() },
    { max: tenants },
  )
  const start = heap()
  for (let n = 0; n < tenants; n++) await registry.find({ kind: 'domain', value: `t${n}.example.org` })
  const ofCache = (heap() - start) / tenants
  const { tenants: kept } = registry.stats()
  if (kept !== tenants) throw new Error(`${kept} of ${tenants} tenants are known.`)
  return {
    measures: [
      { what: 'bytes a tenant, in a Map', value: ofMap, unit: '' },
      { what: 'bytes a tenant, in the cache', value: ofCache, unit: '', atMost: 2_048 },
    ],
  }
}

async function* emptyList(): AsyncGenerator<never> {
  // Nobody lists.
}

function heap(): number {
  if (globalThis.gc === undefined) throw new Error('Run it with --expose-gc.')
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().heapUsed
}
