/** Random choices that a seed repeats. */
export interface Random {
  /** A whole number, at least 0 and less than `below`. */
  int(below: number): number
  /** A copy in another order. */
  shuffle<T>(list: readonly T[]): T[]
}

/** Random choices from a seed and a name, so that a law that runs alone makes the choices it made in the whole suite. */
export function seeded(seed: number, name: string): Random {
  // FNV-1a to mix the name in, then mulberry32: small, and good enough to order things.
  let state = seed >>> 0
  for (let i = 0; i < name.length; i += 1) state = Math.imul(state ^ name.charCodeAt(i), 0x01000193) >>> 0

  function int(below: number): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }

  return {
    int,
    shuffle(list) {
      const rest = [...list]
      return list.flatMap(() => rest.splice(int(rest.length), 1))
    },
  }
}
