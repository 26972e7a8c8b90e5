import type { Connection } from './connection.ts'

/** Somebody who waits for a connection. */
export interface Waiter {
  give(connection: Connection): void
  refuse(error: unknown): void
}

/** The connections of one tenant's database, and those who wait for one. Its rules are those of the budget. */
export interface Lane {
  readonly tenant: string
  /** Opens one more, and sees that it is the tenant's. */
  readonly open: () => Promise<Connection>
  /** The one that was left last comes last, and is taken first: the others grow old and are closed. */
  readonly idle: Connection[]
  readonly busy: Set<Connection>
  /** In the order in which they came. */
  readonly waiters: Set<Waiter>
  /** Connections that are being opened. */
  opening: number
  /** Connections that are being closed, which the server may still have. */
  closing: number
  /** Why nobody gets a connection any more. */
  refusal: (() => Error) | undefined
}

/** How many connections the lane has to do its work with; what the lanes have a fair share of. */
export function inUse({ busy, opening }: Lane): number {
  return busy.size + opening
}

/** How many connections the server has, or may have, of the lane. */
export function sizeOf(lane: Lane): number {
  return inUse(lane) + lane.idle.length + lane.closing
}
