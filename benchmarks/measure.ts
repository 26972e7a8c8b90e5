/** A figure, and what it has to be. Plain JSON. */
export interface Measure {
  readonly what: string
  readonly value: number
  /** '' for a count. */
  readonly unit: '×' | 'µs' | ''
  readonly atMost?: number
  readonly atLeast?: number
}

export type Goal = Pick<Measure, 'atMost' | 'atLeast'>

/** What is no number misses every goal. */
export function isMissed({ value, atMost = Infinity, atLeast = -Infinity }: Measure): boolean {
  return !(value <= atMost && value >= atLeast)
}

/** As one line of text. */
export function describeMeasure(measure: Measure): string {
  const { what, value, unit, atMost, atLeast } = measure
  const verdict = isMissed(measure) ? 'MISSED' : 'met'
  const goal = atMost === undefined ? atLeast && `at least ${atLeast}` : `at most ${atMost}`
  const figure = `${value.toFixed(unit === '' ? 0 : unit === '×' ? 2 : 1)} ${unit}`
  return `    ${what.padEnd(45)} ${figure.padStart(9)}${goal === undefined ? '' : `   goal ${goal}: ${verdict}`}`
}
