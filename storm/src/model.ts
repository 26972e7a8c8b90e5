import type { Random } from './random.ts'

/** A row as it must be in the database. Every change gives another version, and no version is used twice. */
export interface KnownRow {
  readonly id: number
  readonly version: number
}

/** What an operation does to one row: its version before and after, `undefined` where there is none. */
export interface Edit {
  readonly id: number
  readonly before: number | undefined
  readonly after: number | undefined
}

/** What must be in the database of one tenant. Ids are small numbers, the same ones for all tenants, so that they collide. */
export interface TenantRows {
  /** Takes a row away from all other operations, until it is settled. */
  take(random: Random): KnownRow | undefined
  newId(): number
  newVersion(): number
  /** The row is as it is now. `unknown`: it may be in either state, and no operation touches it again. */
  settle(id: number, version: number | undefined | 'unknown'): void
  /** Rows that no operation has taken, by id. */
  known(): ReadonlyMap<number, number>
  isUnknown(id: number): boolean
  unknownCount(): number
  /** Rows that became unknown longer ago than any statement takes, to be removed; they stay unknown. */
  takeStale(now: number): readonly number[]
}

/** Milliseconds after which a statement whose outcome is unknown has surely ended, one way or the other. */
const surelyOver = 10_000

let versions = 0

export function createTenantRows(rows: number): TenantRows {
  const known = new Map<number, number>()
  const unknown = new Set<number>()
  let stale: { readonly id: number; readonly since: number }[] = []
  let last = rows
  const newVersion = (): number => ++versions
  for (let id = 1; id <= rows; id++) known.set(id, newVersion())
  return {
    take(random) {
      if (known.size === 0) return undefined
      const id = random.pick([...known.keys()])
      const version = known.get(id)
      if (version === undefined) return undefined
      known.delete(id)
      return { id, version }
    },
    newId: () => ++last,
    newVersion,
    settle(id, version) {
      if (version === 'unknown') {
        unknown.add(id)
        stale.push({ id, since: performance.now() })
      } else if (version !== undefined) known.set(id, version)
    },
    known: () => known,
    isUnknown: id => unknown.has(id),
    unknownCount: () => unknown.size,
    takeStale(now) {
      const ripe = stale.filter(({ since }) => now - since > surelyOver)
      if (ripe.length > 0) stale = stale.filter(({ since }) => now - since <= surelyOver)
      return ripe.map(({ id }) => id)
    },
  }
}
