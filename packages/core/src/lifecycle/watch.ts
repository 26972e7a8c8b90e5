import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../logger.ts'
import { reasonOf } from './outcome.ts'
import type { Reconciled } from './reconcile.ts'

/**
 * Reconciles again and again, one after another, the first time at once. A registry that is down is logged, and asked again.
 *
 * @param every - milliseconds from the end of one to the next.
 * @returns what ends it, behind the operation that is being worked on.
 */
export function watch(
  reconcile: (signal: AbortSignal) => Promise<Reconciled>,
  every: number,
  logger: Logger,
): () => Promise<void> {
  const stopping = new AbortController()
  const { signal } = stopping

  async function go(): Promise<void> {
    while (!signal.aborted) {
      try {
        await reconcile(signal)
      } catch (error) {
        logger.error(
          { event: 'lifecycle.reconcile.failed', reason: reasonOf(error) },
          'Operations could not be reconciled.',
        )
      }
      // Not kept alive by this alone: a process that has nothing else to do may end.
      await sleep(every, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }

  const gone = go()
  return async () => {
    stopping.abort()
    await gone
  }
}
