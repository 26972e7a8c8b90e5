/** Which statements have been seen to be short reads: what may be put in front of somebody else's on one connection. */
export interface ShortReads {
  /** Milliseconds that a text takes on the average of late; `undefined` for what was never seen, `Infinity` for what is no plain read. */
  timeOf(text: string): number | undefined
  /** @param milliseconds - that it took, as its caller sees it; `Infinity` for what must never share a connection. */
  took(text: string, milliseconds: number): void
}

/** How much of the average is what it took last. */
const latest = 0.1

/** Texts that are known. One with its values written into it comes once, and goes again. */
const most = 1_000

// It must wait for nobody: the owner of a row lock, or of an advisory lock, may itself be waiting for a statement that was put behind.
// So it reads tables, and calls no function for its rows. What other functions and views do cannot be seen.
const read = /^\s*select\b[\s\S]*\bfrom\b/i
const waits = /\bfor\b[\s\S]*?\b(?:update|share)\b|advisory|\bfrom\s+(?:[\w.]|"[^"]*")+\s*\(/i

/**
 * Learns which reads are short.
 *
 * @param ceiling - milliseconds that count at most: how late a process gets round to reading an answer says little of the statement.
 */
export function shortReads(ceiling: number): ShortReads {
  const times = new Map<string, number>()
  return {
    timeOf: text => times.get(text),
    took(text, milliseconds) {
      const before = times.get(text)
      if (before === undefined) {
        const [oldest] = times.size < most ? [] : times.keys()
        if (oldest !== undefined) times.delete(oldest)
        times.set(text, read.test(text) && !waits.test(text) ? Math.min(milliseconds, ceiling) : Infinity)
        return
      }
      // Last in line again. While there is room for as many more, the order need not be kept, which costs.
      if (times.size * 2 >= most) times.delete(text)
      const took = milliseconds === Infinity ? Infinity : Math.min(milliseconds, ceiling)
      times.set(text, before === Infinity ? Infinity : before + (took - before) * latest)
    },
  }
}
