const listeners = new WeakMap<AbortSignal, Set<(reason: unknown) => void>>()

/**
 * Calls a function when a signal aborts; at once when it has. A tenant's signal is one for all of its sockets and streams, and to add a
 * listener to a signal takes as long as there are listeners: here all of them share one.
 *
 * @returns what ends it.
 * @example
 * const stop = onAbort(tenancy.signal(), () => response.destroy())
 * response.on('close', stop)
 */
export function onAbort(signal: AbortSignal, fn: (reason: unknown) => void): () => void {
  const mine = (reason: unknown): void => fn(reason)
  if (signal.aborted) {
    mine(signal.reason)
    return () => undefined
  }
  const all = listeners.get(signal) ?? listen(signal)
  all.add(mine)
  return () => void all.delete(mine)
}

function listen(signal: AbortSignal): Set<(reason: unknown) => void> {
  const all = new Set<(reason: unknown) => void>()
  listeners.set(signal, all)
  signal.addEventListener(
    'abort',
    () => {
      // One that throws keeps no other from its end.
      for (const fn of all) queueMicrotask(() => fn(signal.reason))
    },
    { once: true },
  )
  return all
}
