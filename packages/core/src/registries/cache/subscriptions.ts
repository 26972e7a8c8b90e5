import type { ChangeBus, ChangeListener } from '../registry-changes.ts'

/** The subscriptions to buses: each one once. */
export interface Subscriptions {
  /** Subscribes to each bus that there is no subscription to yet. @throws what a bus throws, once all were tried. */
  begin(): Promise<void>
  /** Ends them, and those that are about to begin. @throws what a bus throws, once all were tried. */
  end(): Promise<void>
}

/** @param onBegun - called after each beginning: what was known before it may be wrong. */
export function subscriptions(
  buses: readonly ChangeBus[],
  listener: ChangeListener,
  onBegun: () => void,
): Subscriptions {
  const begun = new Map<ChangeBus, Promise<() => Promise<void>>>()
  let isOver = false

  return {
    async begin() {
      const all = buses.map(bus => {
        const before = begun.get(bus)
        if (before !== undefined || isOver) return before
        const beginning = bus.subscribe(listener)
        begun.set(bus, beginning)
        return beginning.then(onBegun, (error: unknown) => {
          begun.delete(bus)
          throw error
        })
      })
      for (const end of await Promise.allSettled(all)) if (end.status === 'rejected') throw end.reason
    },
    async end() {
      isOver = true
      const all = [...begun.values()].map(async beginning => (await beginning)())
      begun.clear()
      for (const end of await Promise.allSettled(all)) if (end.status === 'rejected') throw end.reason
    },
  }
}
