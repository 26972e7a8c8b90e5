import { onTestFinished, vi } from 'vitest'
import {
  type ChangeBus,
  type ChangeListener,
  type MemoryRegistry,
  memoryRegistry,
  type RegistryChange,
  type Tenant,
  type TenantInput,
  type TenantKey,
  type TenantRegistry,
} from '../../src/index.ts'
import { gate } from '../support.ts'

export const slug = (value: string): TenantKey => ({ kind: 'slug', value })
export const domain = (value: string): TenantKey => ({ kind: 'domain', value })
export const id = (value: string): TenantKey => ({ kind: 'id', value })

/** A registry that may be held up, as one in a database is: the answer is read, and arrives when the test lets it. */
export interface SlowRegistry extends TenantRegistry {
  readonly stored: MemoryRegistry
  /** What was asked, in order. */
  readonly asked: string[]
  /** Questions from now on are answered at once in the record, and arrive once the turnstile is opened. */
  hold(): { readonly open: () => void }
  /** What the next questions throw. */
  fail(error: Error | undefined): void
}

export function slowRegistry(tenants: readonly TenantInput[] = []): SlowRegistry {
  const stored = memoryRegistry(tenants)
  const asked: string[] = []
  let turnstile: { readonly opened: Promise<void>; readonly open: () => void } | undefined
  let failure: Error | undefined

  async function arrive<T>(name: string, read: () => T | Promise<T>): Promise<T> {
    asked.push(name)
    const waits = turnstile
    const answer = await read()
    await waits?.opened
    if (failure !== undefined) throw failure
    return answer
  }

  return {
    stored,
    asked,
    hold() {
      const here = gate()
      turnstile = here
      return {
        open: () => {
          if (turnstile === here) turnstile = undefined
          here.open()
        },
      }
    },
    fail(error) {
      failure = error
    },
    find: key => arrive(`${key.kind} ${key.value}`, () => stored.find(key)),
    findDefault: () => arrive('default', () => stored.findDefault()),
    list: () => stored.list(),
  }
}

/** A bus within this process. What is sent while it is cut is lost, as on a connection. */
export function localBus(name = 'local') {
  const listeners = new Set<ChangeListener>()
  let isCut = false
  const bus: ChangeBus & { cut(): void; mend(): void; readonly listeners: Set<ChangeListener> } = {
    name,
    listeners,
    cut() {
      isCut = true
    },
    mend() {
      isCut = false
      for (const listener of listeners) listener.missed()
    },
    async publish(change) {
      if (isCut) throw new Error('The bus is cut.')
      for (const listener of listeners) listener.changed(change)
    },
    async subscribe(listener) {
      listeners.add(listener)
      return async () => void listeners.delete(listener)
    },
  }
  return bus
}

/** The change that has made this tenant what it is. */
export function changeOf({ id, version, slug: name }: Tenant, ...keys: readonly TenantKey[]): RegistryChange {
  return { id, version, keys: [slug(name), ...keys] }
}

/** A clock that stands still until the test lets it go on. */
export function frozenClock(): (milliseconds: number) => Promise<unknown> {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
  return milliseconds => vi.advanceTimersByTimeAsync(milliseconds)
}
