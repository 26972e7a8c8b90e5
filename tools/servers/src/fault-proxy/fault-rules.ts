import type { BackendMessage, Direction, FrontendMessage, MessageName } from './message-names.ts'

/** A message that arrived at the proxy. */
export interface SeenMessage {
  /** Which connection, in the order they were accepted, from 1. */
  readonly connection: number
  readonly on: Direction
  readonly message: MessageName
}

/**
 * What happens to a message that a rule matches.
 * - `{ delay }`: it, and what follows in its direction, is forwarded so many milliseconds later.
 * - `'hold'`: the same, until the rule is released.
 * - `'cut'`: it is lost, and both sides see an orderly end of the connection (FIN).
 * - `'reset'`: it is lost, and both sides see the connection reset (RST).
 * - `'truncate'`: half of its bytes are forwarded, then `'cut'`.
 */
export type Fault = { readonly delay: number } | 'hold' | 'cut' | 'reset' | 'truncate'

/** When something happens, and what. */
export type FaultRule = {
  /** Only the nth match, from 1. Default: every match. */
  readonly nth?: number
  /** Only on this connection, in the order they were accepted, from 1. Default: counted over all of them. */
  readonly connection?: number | 'each'
  /** Only messages whose bytes (type and length included) it says yes to. */
  match?(bytes: Buffer): boolean
  readonly fault: Fault
} & (
  | { readonly on: 'frontend'; readonly message: FrontendMessage | 'any' }
  | { readonly on: 'backend'; readonly message: BackendMessage | 'any' }
)

/** A rule that is in force. */
export interface ActiveRule {
  /** How often it has struck so far. */
  readonly struck: number
  /** Resolves when it strikes for the first time, before the message goes on. */
  readonly reached: Promise<void>
  /** Lets go what is held, now and from now on. */
  release(): void
  /** Ends the rule; what it holds is released. */
  remove(): void
}

interface Entry {
  /** The fault, if this is the message. */
  strike(seen: SeenMessage, bytes: Buffer): Fault | undefined
  /** Resolves when held messages may go on. */
  readonly released: Promise<void>
}

/** What the proxy has to do about one message. */
export interface Strike {
  readonly fault: Fault
  readonly released: Promise<void>
}

/** The rules of one proxy. The first one that matches decides; the others still count the message. */
export const faultRules = () => {
  const entries = new Set<Entry>()

  const add = (rule: FaultRule): ActiveRule => {
    const { on, message, nth, connection, match, fault } = rule
    const matches = new Map<number, number>()
    let struck = 0
    let announce: () => void
    const reached = new Promise<void>(resolve => {
      announce = resolve
    })
    let letGo: () => void
    const released = new Promise<void>(resolve => {
      letGo = resolve
    })
    const entry: Entry = {
      released,
      strike: (seen, bytes) => {
        if (seen.on !== on || (message !== 'any' && seen.message !== message)) return undefined
        if (typeof connection === 'number' && seen.connection !== connection) return undefined
        if (match && !match(bytes)) return undefined
        const counter = connection === 'each' ? seen.connection : 0
        const count = (matches.get(counter) ?? 0) + 1
        matches.set(counter, count)
        if (nth !== undefined && count !== nth) return undefined
        struck += 1
        announce()
        return fault
      },
    }
    entries.add(entry)
    return {
      get struck() {
        return struck
      },
      reached,
      release: () => letGo(),
      remove: () => {
        entries.delete(entry)
        letGo()
      },
    }
  }

  const strike = (seen: SeenMessage, bytes: Buffer): Strike | undefined => {
    const strikes = [...entries].flatMap(entry => {
      const fault = entry.strike(seen, bytes)
      return fault ? [{ fault, released: entry.released }] : []
    })
    return strikes[0]
  }
  return { add, strike }
}
