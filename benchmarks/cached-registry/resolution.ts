import { cachedRegistry, createTenancy, host, memoryRegistry, type RequestView, type TenantKey } from '@tenantry/core'
import type { Measure } from '../measure.ts'
import { median, medianOfRounds } from '../median.ts'

const tenants = 1_000

/**
 * Microseconds of processor time for a tenant that is known, in turns with a Map of tenants that is looked into by hand. There is no I/O
 * to wait for, and whoever else is at work on the machine counts for less.
 */
export async function measureResolution(
  rounds: number,
  operations: number,
): Promise<{ readonly measures: readonly Measure[] }> {
  let reads = 0
  const stored = memoryRegistry(
    Array.from({ length: tenants }, (_, n) => ({ slug: `tenant-${n}`, name: `T${n}`, domains: [`t${n}.example.org`] })),
  )
  const counted = {
    ...stored,
    find(key: TenantKey) {
      reads += 1
      return stored.find(key)
    },
  }
  const registry = cachedRegistry(counted)
  const tenancy = createTenancy({ registry, resolvers: [host({ baseDomains: ['example.com'] })] })
  const slugs = Array.from({ length: tenants }, (_, n): TenantKey => ({ kind: 'slug', value: `tenant-${n}` }))
  const domains = Array.from({ length: tenants }, (_, n): TenantKey => ({ kind: 'domain', value: `t${n}.example.org` }))
  const views = slugs.map(
    ({ value }): RequestView => ({
      target: '/notes',
      header: name => (name === 'host' ? [`${value}.example.com`] : []),
    }),
  )
  const byHand = new Map(await Promise.all(slugs.map(async key => [key.value, await stored.find(key)] as const)))

  const at = <T>(list: readonly T[], n: number): T => list[n % tenants] as T
  const subjects = {
    'Map of tenants': (n: number) => byHand.get(at(slugs, n).value),
    'cache.find by slug': (n: number) => registry.find(at(slugs, n)),
    'cache.find by domain': (n: number) => registry.find(at(domains, n)),
    'tenancy.resolve by host': (n: number) => tenancy.resolve(at(views, n)),
  }
  type Name = keyof typeof subjects
  const names = Object.keys(subjects) as Name[]
  const times = Object.fromEntries(names.map(name => [name, [] as number[]])) as Record<Name, number[]>
  const warmUp = 3
  let readsWhileTimed = 0
  for (let round = -warmUp; round < rounds; round++) {
    // So that nothing expires while the clock runs.
    for (const key of [...slugs, ...domains]) await registry.find(key)
    const before = reads
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + warmUp + turn) % names.length] as Name
      const start = process.cpuUsage()
      for (let n = 0; n < operations; n++) {
        const answer = subjects[name](n)
        if (answer instanceof Promise) await answer
      }
      const { user, system } = process.cpuUsage(start)
      if (round >= 0) times[name].push((user + system) / operations)
    }
    if (round >= 0) readsWhileTimed += reads - before
  }
  const ratio = (name: Name) => medianOfRounds(times, row => row[name] / row['Map of tenants'])
  const slow = ['cache.find by slug', 'cache.find by domain', 'tenancy.resolve by host'] as const
  return {
    measures: [
      { what: 'Map of tenants', value: median(times['Map of tenants']), unit: 'µs' },
      ...slow.flatMap((what): Measure[] => [
        { what, value: median(times[what]), unit: 'µs', atMost: 5 },
        { what: `${what}, by a Map`, value: ratio(what), unit: '×' },
      ]),
      // What expires in a round that takes long is read again; more would be no cache.
      { what: 'questions to the registry, in a thousand', value: perThousand(readsWhileTimed), unit: '', atMost: 1 },
    ],
  }

  function perThousand(count: number): number {
    return (count * 1_000) / (rounds * operations * slow.length)
  }
}
