/** Which statements have been seen to be short reads: what may be put in front of somebody else's on one connection. */
export interface ShortReads {
  /** Whether this text was a read, and a short one each time that it ran of late. What was never seen is not. */
  has(text: string): boolean
  /** @param milliseconds - that it took, as its caller sees it; `Infinity` for what took the connection with it. */
  took(text: string, milliseconds: number): void
}

/** How much of the longest time counts the next time: a second is forgiven after fifty short ones. */
const remembered = 0.9

/** Texts that are known. One with its values written into it comes once, and goes again. */
const most = 1_000

// It must wait for nobody: the owner of a row lock, or of an advisory lock, may itself be waiting for a statement that was put behind.
// So it reads tables, and calls no function for its rows. What other functions and views do cannot be seen.
const read = /^\s*select\b[\s\S]*\bfrom\b/i
const waits = /\bfor\b[\s\S]*?\b(?:update|share)\b|advisory|\bfrom\s+(?:[\w.]|"[^"]*")+\s*\(/i

/** Learns which reads are short. @param short - milliseconds that they take at most. */
export function shortReads(short: number): ShortReads {
  const times = new Map<string, number>()
  return {
    has(text) {
      const time = times.get(text)
      return time !== undefined && time < short
    },
    took(text, milliseconds) {
      const before = times.get(text)
      if (before === undefined) {
        if (times.size >= most) forgetOldest(times)
        times.set(text, read.test(text) && !waits.test(text) ? milliseconds : Infinity)
      } else {
        // Far from the limit the exact number is of no interest, and keeping it costs.
        const longest = Math.max(milliseconds, before * remembered)
        if (longest > short / 4 || before > short / 4) times.set(text, longest)
      }
    },
  }
}

function forgetOldest(times: Map<string, number>): void {
  for (const [oldest] of times) {
    times.delete(oldest)
    return
  }
}
