/** Work that comes again and again. */
export interface Sweeper<T> {
  /** Does it now, after what is being done. */
  now(): Promise<T>
  /** Ends the repetition, and waits for what is being done. Idempotent. */
  close(): Promise<void>
}

/**
 * Repeats work that does not throw, once at a time. Its timer keeps no process alive.
 *
 * @param every - in milliseconds. A turn is left out while the one before goes on.
 */
export function sweeper<T>(work: () => Promise<T>, every: number): Sweeper<T> {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  const timer = setInterval(() => {
    if (waiting === 0) void now()
  }, every)
  timer.unref()

  function now(): Promise<T> {
    waiting++
    const turn = last.then(work).finally(() => {
      waiting--
    })
    last = turn.catch(() => undefined)
    return turn
  }

  return {
    now,
    async close() {
      clearInterval(timer)
      await last
    },
  }
}
