import type { TenantKey } from '@tenantry/core'
import { interleave } from '../interleave.ts'
import type { Measure } from '../measure.ts'
import { median, medianOfRounds } from '../median.ts'
import type { FilledRegistry } from './registry-of.ts'

/** How a tenant is looked up. */
export const kinds = ['id', 'slug', 'domain'] as const

/** Plain JSON. */
export interface LookupsResult {
  readonly kind: (typeof kinds)[number]
  /** Microseconds a lookup. */
  readonly few: number
  readonly many: number
  readonly measures: readonly Measure[]
}

/** Times lookups in a small and in a large registry in turns, each of another tenant than the one before. */
export async function compareLookups(
  few: FilledRegistry,
  many: FilledRegistry,
  { rounds, operations }: { readonly rounds: number; readonly operations: number },
): Promise<readonly LookupsResult[]> {
  const results: LookupsResult[] = []
  for (const kind of kinds) {
    const subject = ({ registry, tenants }: FilledRegistry) => {
      let asked = 0
      return async () => {
        // A prime step: no two lookups behind each other are of neighbours, and each round asks for others.
        const id = `t${(asked++ * 611_953) % tenants}`
        const key: TenantKey = { kind, value: kind === 'domain' ? `${id}.example` : id }
        const found = await registry.find(key)
        if (found?.id !== id) throw new Error(`${kind} ${key.value} led to ${found?.id}.`)
      }
    }
    const times = await interleave(
      { few: subject(few), many: subject(many) },
      { ...{ title: kind, rounds, operations, concurrency: 1 }, argument: index => index },
    )
    results.push({
      ...{ kind, few: median(times.few), many: median(times.many) },
      measures: [
        {
          ...{ what: `${many.tenants} tenants / ${few.tenants}, by ${kind}`, unit: '×', atMost: 1.5 },
          value: medianOfRounds(times, one => one.many / one.few),
        },
      ],
    })
  }
  return results
}
