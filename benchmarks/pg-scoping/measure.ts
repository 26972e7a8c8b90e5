/** A figure, and what it has to be. Plain JSON. */
export interface Measure {
  readonly what: string
  readonly value: number
  readonly unit: '×' | 'µs'
  readonly atMost?: number
  readonly atLeast?: number
}

export type Goal = Pick<Measure, 'atMost' | 'atLeast'>

/** What is no number misses every goal. */
export function isMissed({ value, atMost = Infinity, atLeast = -Infinity }: Measure): boolean {
  return !(value <= atMost && value >= atLeast)
}
