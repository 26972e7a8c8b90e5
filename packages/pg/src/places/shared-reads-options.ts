import { checkWholeNumbers } from '@tenantry/core'

/** How short reads share connections. */
export interface SharedReadsOptions {
  /** Connections that are taken before any is shared, and so what short reads mostly get along with. Default 4, at most half of the pool. */
  readonly connections?: number
  /** Statements that are on their way on one connection at the same time. Default 4. */
  readonly depth?: number
  /**
   * Milliseconds that all in front of a statement may take, judged by how long they took before, the way to the server included. One
   * that takes fifty times as long gives way to those behind it: it is cancelled, and run again on a connection of its own.
   * Default 1.
   */
  readonly short?: number
}

/**
 * @param max - connections that the pool has at most.
 * @throws {TenancyError} `ARGUMENT_INVALID`
 */
export function sharingTerms(options: SharedReadsOptions, max: number): Required<SharedReadsOptions> {
  const { connections = Math.max(1, Math.min(4, Math.floor(max / 2))), depth = 4, short = 1 } = options
  checkWholeNumbers({ 'sharedReads.connections': connections, 'sharedReads.depth': depth, 'sharedReads.short': short })
  return { connections, depth, short }
}
