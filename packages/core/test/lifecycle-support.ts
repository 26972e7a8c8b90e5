import type { Participant, TenantStore } from '../src/index.ts'

/** A participant that counts what it is asked, and knows what there is: a thing for each tenant. */
export interface Recorder extends Participant {
  /** `<member> <tenant> <step>` of each call. */
  readonly calls: string[]
  /** The tenants that it has something of. */
  readonly things: Map<string, 'open' | 'fenced'>
  /** Members that throw, until they are removed. */
  readonly broken: Set<string>
}

/** @param name - how the journal knows it */
export function recorder(name: string): Recorder {
  const calls: string[] = []
  const things = new Map<string, 'open' | 'fenced'>()
  const broken = new Set<string>()

  function called(member: string, tenant: string, step: string): void {
    calls.push(`${member} ${tenant} ${step}`)
    if (broken.has(member)) throw Object.assign(new Error('password=hunter2'), { code: 'EBROKEN' })
  }

  return {
    name,
    calls,
    things,
    broken,
    async provision(tenant, step) {
      called('provision', tenant.id, step)
      things.set(tenant.id, 'open')
    },
    async deprovision(tenant, step) {
      called('deprovision', tenant.id, step)
      const count = things.delete(tenant.id) ? 1 : 0
      return { tenant: tenant.id, erased: [{ kind: 'thing', name, count }] }
    },
    async suspend(tenant, _deadline, step) {
      called('suspend', tenant.id, step)
      if (things.has(tenant.id)) things.set(tenant.id, 'fenced')
    },
    async resume(tenant, step) {
      called('resume', tenant.id, step)
      if (things.has(tenant.id)) things.set(tenant.id, 'open')
    },
    async inventory(tenant) {
      return things.has(tenant.id) ? [{ kind: 'thing', name, count: 1 }] : []
    },
  }
}

/** Thrown where a process would have died. */
export class Killed extends Error {}

/**
 * The store as a process sees it that dies at its nth write: before the write (`lost`), or behind it, before it hears of it.
 */
export function dyingStore(store: TenantStore, nth: number, way: 'before' | 'behind'): TenantStore {
  let writes = 0
  let isDead = false
  async function mortal<T>(write: () => Promise<T>): Promise<T> {
    if (isDead) throw new Killed()
    writes += 1
    if (writes < nth) return write()
    isDead = true
    if (way === 'behind') await write()
    throw new Killed()
  }
  return {
    ...store,
    begin: (...args) => mortal(() => store.begin(...args)),
    record: (...args) => mortal(() => store.record(...args)),
    claim: (...args) => (isDead ? Promise.reject(new Killed()) : store.claim(...args)),
  }
}
