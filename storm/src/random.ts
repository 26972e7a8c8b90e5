/** Chance that can be repeated. */
export interface Random {
  /** A whole number from 0 to `below - 1`. */
  int(below: number): number
  chance(share: number): boolean
  pick<T>(items: readonly [T, ...T[]] | readonly T[]): T
}

/**
 * Chance for one operation of a storm (mulberry32). It depends on nothing but seed and index, so that what an operation does is the
 * same in every run, whichever worker gets it. How operations interleave is up to the machine.
 */
export function createRandom(seed: number, index: number): Random {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)
  function next(): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  // The first numbers of neighbouring states are alike.
  next()
  next()
  const int = (below: number): number => Math.floor(next() * below)
  return {
    int,
    chance: share => next() < share,
    pick: items => {
      if (items.length === 0) throw new Error('There is nothing to pick from.')
      return items[int(items.length)] as (typeof items)[number]
    },
  }
}
