import { TenancyError } from '@tenantry/core'

/** From the first statement to the last. */
export interface Start {
  /** Throws when no statement may be sent any more; a promise when the first one has to wait; undefined, and so without any delay, once all is well. */
  prepare(): Promise<void> | undefined
  close(): void
}

/** @param ready - awaited before the first statement; what it throws refuses the statement. Default: nothing. */
export function startOf(ready: (() => Promise<void>) | undefined): Start {
  let state: 'new' | 'ready' | 'closed' = ready === undefined ? 'ready' : 'new'

  function prepare(): Promise<void> | undefined {
    if (state === 'closed') throw new TenancyError('SCOPE_CLOSED', { what: 'The isolation' })
    return state === 'ready' ? undefined : getReady()
  }

  async function getReady(): Promise<void> {
    // What it throws is thrown again next time: the database may be back by then, the configuration mended.
    await ready?.()
    if (state === 'new') state = 'ready'
    // It may have been closed in the meantime.
    await prepare()
  }

  return {
    prepare,
    close() {
      state = 'closed'
    },
  }
}
