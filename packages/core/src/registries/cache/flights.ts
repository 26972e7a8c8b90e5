import type { Tenant } from '../../tenant.ts'
import { type CacheKey, keyText } from './cache-key.ts'

/** A question on its way. */
export interface Flight {
  /** When it was asked, in milliseconds of `performance.now()`. */
  readonly since: number
  /** A change was heard of meanwhile: the answer is not kept. */
  isOvertaken: boolean
  /** Changes were forgotten meanwhile: nobody knows whether the answer is old. */
  isBlind: boolean
}

/**
 * How a flight ended: with an answer, or with what has to be asked again. `overtaken`: by a change on the way. `old`: it was out of date
 * when it was asked for.
 */
export type Landing = { readonly tenant: Tenant | undefined } | 'overtaken' | 'old'

/** One question at a time for each key. */
export interface Flights {
  /** The answer of the flight that is under way, or of a new one. Never of one that began before a change of the key. */
  join(key: CacheKey, fly: (flight: Flight) => Promise<Landing>): Promise<Landing>
  /** A change of what these keys lead to. */
  overtake(keys: readonly CacheKey[]): void
  overtakeAll(): void
  /** Those that began before this time, or at it. */
  blind(before: number): void
  readonly size: number
}

/**
 * @param longest - milliseconds after which nobody joins a flight any more: who does is answered with what was so when it began.
 */
export function flights(longest: number): Flights {
  const joinable = new Map<string, { readonly flight: Flight; readonly landing: Promise<Landing> }>()
  // In the order in which they began.
  const underway = new Set<Flight>()

  return {
    join(key, fly) {
      const name = keyText(key)
      const before = joinable.get(name)
      const since = performance.now()
      if (before !== undefined && !before.flight.isBlind && since - before.flight.since < longest) return before.landing
      const flight: Flight = { since, isOvertaken: false, isBlind: false }
      underway.add(flight)
      const landing = fly(flight).finally(() => {
        underway.delete(flight)
        if (joinable.get(name)?.flight === flight) joinable.delete(name)
      })
      joinable.set(name, { flight, landing })
      return landing
    },
    overtake(keys) {
      for (const key of keys) {
        const name = keyText(key)
        const found = joinable.get(name)
        if (found === undefined) continue
        found.flight.isOvertaken = true
        joinable.delete(name)
      }
    },
    overtakeAll() {
      for (const flight of underway) flight.isOvertaken = true
      joinable.clear()
    },
    blind(before) {
      for (const flight of underway) {
        if (flight.since > before) break
        flight.isBlind = true
      }
    },
    get size() {
      return underway.size
    },
  }
}
