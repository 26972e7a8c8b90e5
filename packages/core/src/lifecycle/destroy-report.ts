import type { Holding } from '../isolation.ts'
import type { Operation } from './tenant-store.ts'

/** What a participant has of a tenant. */
export interface ParticipantHoldings {
  readonly participant: string
  readonly holdings: readonly Holding[]
}

/** What an erasure would erase. */
export interface DestroyPreview {
  readonly tenant: string
  /** To be typed to confirm it. */
  readonly slug: string
  readonly participants: readonly ParticipantHoldings[]
  /** Participants that cannot tell what they have. */
  readonly uncounted: readonly string[]
}

/** What an erasure has erased. */
export interface DestroyReport {
  readonly tenant: string
  readonly operation: string
  /** What each participant says that it erased, in that order. */
  readonly erased: readonly ParticipantHoldings[]
  /** Participants whose store was looked through afterwards, and had nothing left. */
  readonly proved: readonly string[]
  /** Participants that have erased and cannot tell what is left. */
  readonly unproved: readonly string[]
}

/** Reads the report off the journal, so that it is the same for whoever asks, whenever. */
export function destroyReport(operation: Operation): DestroyReport {
  const erased: ParticipantHoldings[] = []
  const proved: string[] = []
  for (const { name, result } of operation.steps) {
    const at = name.lastIndexOf('.')
    const participant = name.slice(0, at)
    if (name.endsWith('.deprovision')) erased.push({ participant, holdings: (result ?? []) as unknown as Holding[] })
    if (name.endsWith('.inventory')) proved.push(participant)
  }
  const unproved = erased.map(({ participant }) => participant).filter(name => !proved.includes(name))
  return { tenant: operation.tenant, operation: operation.id, erased, proved, unproved }
}
