import { setTimeout as sleep } from 'node:timers/promises'
import type { DistantBroker } from './distant-broker.ts'
import type { Failed } from './load.ts'
import type { Overseer } from './overseer.ts'

/** A time without a broker, on the clock of `performance.now()`. */
export interface Outage {
  /** Whether it was killed while it was issuing. */
  readonly issuing: boolean
  readonly begun: number
  ended: number
}

/** Makes outages, and knows which failures they excuse. */
export interface Outages {
  readonly all: readonly Outage[]
  /** Kills the broker, now or when it is issuing, and starts it again after so many milliseconds. */
  make(milliseconds: number, when: 'now' | 'issuing'): Promise<void>
  /** Whether a request may fail so. */
  excuse(failure: Failed, lifetime: number): boolean
}

/** Milliseconds that a refusal is on its way. */
const late = 250

export function createOutages(broker: DistantBroker, overseer: Overseer): Outages {
  const all: Outage[] = []
  return {
    all,
    async make(milliseconds, when) {
      for (const end = performance.now() + 4_000; when === 'issuing' && broker.pending('issue') === 0; ) {
        if (performance.now() > end) break
        await new Promise(setImmediate)
      }
      const outage: Outage = { issuing: broker.pending('issue') > 0, begun: performance.now(), ended: Infinity }
      all.push(outage)
      overseer.broker('down')
      await broker.kill()
      await sleep(milliseconds)
      await broker.start()
      outage.ended = performance.now()
      overseer.broker('up')
    },
    excuse({ code, begun, ended, live }, lifetime) {
      if (code !== 'CREDENTIALS_UNAVAILABLE') return false
      const met = all.filter(outage => ended >= outage.begun && begun <= outage.ended + late)
      // Whoever has a lease goes on with it for at least a third of its life.
      return met.some(outage => !live || Math.min(ended, outage.ended) - outage.begun >= lifetime / 3)
    },
  }
}
