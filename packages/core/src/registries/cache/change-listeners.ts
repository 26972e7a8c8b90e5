import { AsyncResource } from 'node:async_hooks'
import type { Logger } from '../../logger.ts'
import type { ChangeListener } from '../registry-changes.ts'

/** Those who want to hear of changes, none of whom can keep it from the others. */
export function changeListeners(logger: Logger): ChangeListener & { add(listener: ChangeListener): () => void } {
  const all = new Set<ChangeListener>()
  // A change may be noticed in the unit of work of any tenant.
  const outside = new AsyncResource('tenantry.changes')

  function each(tell: (listener: ChangeListener) => void): void {
    for (const listener of all) {
      try {
        outside.runInAsyncScope(tell, undefined, listener)
      } catch (error) {
        logger.error({ event: 'registry.listener', error: String(error) }, 'A listener to changes of tenants threw.')
      }
    }
  }

  return {
    add(listener) {
      all.add(listener)
      return () => void all.delete(listener)
    },
    changed: change => each(listener => listener.changed(change)),
    missed: () => each(listener => listener.missed()),
  }
}
