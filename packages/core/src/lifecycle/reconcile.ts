import { isTenancyError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { checkWholeNumbers } from '../whole-numbers.ts'
import { reasonOf } from './outcome.ts'
import type { Performer } from './perform.ts'
import type { TenantStore } from './tenant-store.ts'

/** Options of a reconciliation. */
export interface ReconcileOptions {
  /** How many operations are taken up at most. Default 100. */
  readonly limit?: number
  /** Ends it behind the operation that is being worked on. */
  readonly signal?: AbortSignal
  /** Told after each operation. */
  readonly onProgress?: (done: number, total: number) => void
}

/** What a reconciliation has done; ids of operations. */
export interface Reconciled {
  readonly done: readonly string[]
  /** Undone, as they could not be done. */
  readonly failed: readonly string[]
  /** Still to do: with why. */
  readonly left: readonly { readonly operation: string; readonly reason: string }[]
}

/** Goes on with what nobody works on, one after another. What cannot be ended holds up nothing else. */
export async function reconcileAll(
  {
    store,
    perform,
    logger,
  }: { readonly store: TenantStore; readonly perform: Performer['perform']; readonly logger: Logger },
  { limit = 100, signal, onProgress }: ReconcileOptions = {},
): Promise<Reconciled> {
  checkWholeNumbers({ limit }, 1)
  const done: string[] = []
  const failed: string[] = []
  const left: { operation: string; reason: string }[] = []
  const ids = await store.unfinished(limit)
  for (const [index, id] of ids.entries()) {
    if (signal?.aborted) break
    const operation = await store.operation(id)
    if (operation === undefined) continue
    try {
      await perform({ operation, isNew: false })
      done.push(id)
    } catch (error) {
      if (isTenancyError(error) && error.code === 'OPERATION_FAILED') failed.push(id)
      else left.push({ operation: id, reason: reasonOf(error) })
    }
    onProgress?.(index + 1, ids.length)
  }
  if (ids.length > 0) {
    logger.info({ event: 'lifecycle.reconciled', done, failed, left }, `${ids.length} operations were taken up.`)
  }
  return { done, failed, left }
}
