import type pg from 'pg'
import type { Taken } from './pool-watch.ts'

/** Connections that were left a moment ago. */
export interface KeptConnections {
  readonly size: number
  /** One that was left in this turn of the event loop. */
  take(): Taken | undefined
  /** For whoever comes in this turn; afterwards it is given back to the pool. */
  leave(taken: Taken): void
}

/** Uses after which a connection goes through its pool in any case, which knows how old it may become. */
const usesInARow = 100

/**
 * Work often sends its next statement as soon as it has the answer to the last one. Going through the pool in between costs its
 * timers, events and listeners, about a tenth of a short statement. Who waits in the pool's own queue is never kept waiting.
 */
export function keptConnections(pool: pg.Pool): KeptConnections {
  const kept: Taken[] = []
  const uses = new WeakMap<Taken, number>()
  // The pool counts them, one for each time that it gives a connection out.
  const counted = (pool.options.maxUses ?? Infinity) < Infinity

  function giveBack(): void {
    for (const { release } of kept.splice(0)) release(false)
  }

  return {
    get size() {
      return kept.length
    },
    take() {
      // An ending pool refuses everybody; what is kept goes back to it and is closed.
      return pool.ending ? undefined : kept.pop()
    },
    leave(taken) {
      const times = (uses.get(taken) ?? 0) + 1
      if (counted || times >= usesInARow || pool.waitingCount > 0 || pool.ending) {
        taken.release(false)
        return
      }
      uses.set(taken, times)
      if (kept.push(taken) === 1) setImmediate(giveBack)
    },
  }
}
