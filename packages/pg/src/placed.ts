import { type Claims, type Isolation, TenancyError, type Tenant, type TenantSource } from '@tenantry/core'
import { callBack } from './call-back.ts'
import { isSubmittable, readArguments } from './statements/query-arguments.ts'
import type { TenantPool } from './tenant-pool.ts'

/**
 * Several isolations as one: each tenant is served by the one that its placement names (`placement.isolation`), and the application
 * does not change when a tenant's does. Nobody is served by another one for want of a name.
 *
 * What it claims is what all of them claim, so that nobody relies on what only some tenants have; `pooled` is said if any is, since it
 * says what could go wrong. It suspends, resumes and counts where all of them do. `close` closes them all.
 *
 * @param isolations - by the names that placements use.
 * @throws {TenancyError} `ARGUMENT_INVALID` for none. Handles and all else that is about a tenant throw `PLACEMENT_INVALID` for a
 * tenant whose placement names none of them, before anything is sent.
 * @example
 * const isolation = placed({ row: pgRls({ pool }), schema: pgSchema({ pool }), database: pgDatabase({ servers, credentials }) })
 * registry.add({ slug: 'acme', name: 'Acme', placement: { isolation: 'row' } })
 */
export function placed(isolations: Readonly<Record<string, Isolation<TenantPool>>>): Isolation<TenantPool> {
  const all = new Map(Object.entries(isolations))
  if (all.size === 0)
    throw new TenancyError('ARGUMENT_INVALID', { field: 'isolations', rule: 'must hold at least one isolation' })
  const each = [...all.values()]

  function nameOf({ id, placement }: Tenant): string {
    const name = placement?.isolation
    if (name !== undefined && all.has(name)) return name
    const known = [...all.keys()].join(', ')
    const problem =
      name === undefined
        ? `it names no isolation (${known})`
        : `there is no isolation ${JSON.stringify(name)} (${known})`
    throw new TenancyError('PLACEMENT_INVALID', { tenant: id, problem })
  }

  function of(tenant: Tenant): Isolation<TenantPool> {
    return all.get(nameOf(tenant)) as Isolation<TenantPool>
  }

  function handle(source: TenantSource): TenantPool {
    // While a call enters a pool, the tenant that the pool was chosen for.
    let chosenFor: Tenant | undefined
    const pools = new Map([...all].map(([name, isolation]) => [name, isolation.handle(asked)]))

    function asked(): Tenant {
      const tenant = source()
      // A source of the caller's own may say another tenant when it is asked again, who may live elsewhere.
      if (chosenFor !== undefined && chosenFor.id !== tenant.id)
        throw new TenancyError('SCOPE_MISMATCH', { lease: chosenFor.id, current: tenant.id })
      return tenant
    }

    return together([...pools.values()], call => {
      const tenant = source()
      const pool = pools.get(nameOf(tenant)) as TenantPool
      chosenFor = tenant
      try {
        return call(pool)
      } finally {
        chosenFor = undefined
      }
    })
  }

  const claimed = (claim: keyof Claims) => each.every(({ claims }) => claims[claim])
  return {
    name: `placed(${[...all].map(([name, isolation]) => `${name}: ${isolation.name}`).join(', ')})`,
    claims: {
      sharedStore: claimed('sharedStore'),
      enforced: claimed('enforced'),
      pooled: each.some(({ claims }) => claims.pooled),
      transactions: claimed('transactions'),
      objects: claimed('objects'),
    },
    handle,
    async ready() {
      await Promise.all(each.map(isolation => isolation.ready()))
    },
    provision: async tenant => of(tenant).provision(tenant),
    deprovision: async tenant => of(tenant).deprovision(tenant),
    verify: async () => (await Promise.all(each.map(isolation => isolation.verify()))).flat(),
    async health(tenant) {
      if (all.has(tenant.placement?.isolation ?? '')) return of(tenant).health(tenant)
      return { ok: false, latency: 0, reason: 'PLACEMENT_INVALID' }
    },
    async close() {
      await Promise.all(each.map(isolation => isolation.close()))
    },
    ...(each.every(({ suspend, resume }) => suspend !== undefined && resume !== undefined) && {
      suspend: async (tenant, deadline) => of(tenant).suspend?.(tenant, deadline),
      resume: async tenant => of(tenant).resume?.(tenant),
    }),
    ...(each.every(({ inventory }) => inventory !== undefined) && {
      inventory: async tenant => (await of(tenant).inventory?.(tenant)) ?? [],
    }),
  }
}

/**
 * One pool of several.
 *
 * @param choose - calls with the one that is right now, or throws; that the caller gets as it would from a pool.
 */
function together(pools: readonly TenantPool[], choose: (call: (pool: TenantPool) => unknown) => unknown): TenantPool {
  function query(...args: unknown[]): unknown {
    const { config, callback } = readArguments(args)
    try {
      return choose(pool => (pool.query as (...args: unknown[]) => unknown)(...args))
    } catch (error) {
      if (isSubmittable(config)) throw error
      return callBack(Promise.reject(error), callback)
    }
  }

  function connect(callback?: Parameters<TenantPool['connect']>[0]): unknown {
    try {
      return choose(pool => (callback === undefined ? pool.connect() : pool.connect(callback)))
    } catch (error) {
      if (callback === undefined) return Promise.reject(error)
      process.nextTick(callback, error as Error, undefined, () => undefined)
      return undefined
    }
  }

  async function end(callback?: () => void): Promise<void> {
    await Promise.all(pools.map(pool => pool.end()))
    callback?.()
  }

  const sum = (count: 'totalCount' | 'idleCount' | 'waitingCount') => pools.reduce((all, pool) => all + pool[count], 0)
  const chain = () => handle
  const handle = {
    ...{ query, connect, end, on: chain, once: chain, off: chain, addListener: chain, removeListener: chain },
    get totalCount() {
      return sum('totalCount')
    },
    get idleCount() {
      return sum('idleCount')
    },
    get waitingCount() {
      return sum('waitingCount')
    },
  } as unknown as TenantPool
  return handle
}
