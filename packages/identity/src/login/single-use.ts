import type { Awaitable } from '@tenantry/core'

/** What may be used once: a port. With Redis: `set(key, '1', 'PXAT', until, 'NX')` is `'OK'`. */
export interface SingleUse {
  /**
   * Uses a key.
   *
   * @param until - milliseconds since 1970; behind it nobody asks for this key.
   * @returns `true` for the first who asks, in whichever process, and for nobody else.
   */
  use(key: string, until: number): Awaitable<boolean>
}

/** For one process, and gone with it. */
export function memorySingleUse(): SingleUse {
  const used = new Map<string, number>()
  let swept = 0
  return Object.freeze({
    use(key: string, until: number) {
      const now = Date.now()
      // Only behind the login, which few pass, does anything come in here; once a minute is enough.
      if (now - swept > 60_000 || now < swept) {
        for (const [old, end] of used) if (end < now) used.delete(old)
        swept = now
      }
      if (used.has(key)) return false
      used.set(key, until)
      return true
    },
  })
}
