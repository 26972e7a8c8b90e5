import { type TenantStatus, type Transition, transitions } from '@tenantry/core'

/** A change of status that the database lets through. */
export interface Move {
  readonly kind: string
  /** `null`: the tenant is made. */
  readonly from: TenantStatus | null
  /** `null`: the tenant is gone. */
  readonly to: TenantStatus | null
  /** Whether the default and the control tenant refuse it. */
  readonly guarded: boolean
}

/**
 * The table of transitions as single changes of status: into an operation, out of it, and through it at once where nothing is to do in
 * between.
 */
export function movesOf(table: Readonly<Record<string, Transition>> = transitions): readonly Move[] {
  return Object.entries(table).flatMap(([kind, { from, during, to, failed, guarded }]) => {
    const into = from.length === 0 ? [null] : from
    const found = new Map<string, Move>()
    function add(start: TenantStatus | null, end: TenantStatus | 'same' | 'gone' | undefined): void {
      if (end === undefined || end === 'same' || end === start) return
      const move = { kind, from: start, to: end === 'gone' ? null : end, guarded }
      found.set(`${move.from} ${move.to}`, move)
    }
    for (const start of into) {
      add(start, during)
      add(start, to)
    }
    if (during !== 'same') {
      add(during, to)
      add(during, failed)
    }
    return [...found.values()]
  })
}

/** What the database lets through: without `allowRestore`, archived is for ever, also for hand-written SQL. */
export function allowedMoves(allowRestore: boolean): readonly Move[] {
  return movesOf().filter(({ kind }) => allowRestore || kind !== 'restore')
}
