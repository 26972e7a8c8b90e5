import type { Random } from '../../random.ts'

/** The proof of a tenant's context, as an attacker with a way to read it would have it. */
export interface CapturedToken {
  readonly tenant: string
  readonly token: string
  /** The backend on which it was seen. */
  readonly pid: number
  /** When, on the clock of `performance.now()`. */
  readonly at: number
}

/** Tokens of the whole storm: the latest ones, and some old ones. */
export interface CapturedTokens {
  add(token: CapturedToken): void
  pick(random: Random): CapturedToken | undefined
}

export function createCapturedTokens(): CapturedTokens {
  const tokens: CapturedToken[] = []
  let count = 0
  return {
    add(token) {
      // The first half keeps what it has for long, the second is overwritten all the time.
      tokens[count < 200 || count % 10 === 0 ? count % 200 : 100 + (count % 100)] = token
      count += 1
    },
    pick: random => (tokens.length === 0 ? undefined : random.pick(tokens.filter(Boolean))),
  }
}
