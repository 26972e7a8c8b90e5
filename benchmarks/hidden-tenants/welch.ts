/** How two lists of times differ. */
export interface Difference {
  /** Of the means, in the unit of the times. */
  readonly difference: number
  /** In standard errors (Welch's t). */
  readonly t: number
}

/** Of all times; and of the faster half of each, which shows less noise and more of a difference. */
export interface Comparison {
  readonly all: Difference
  readonly fasterHalf: Difference
}

export function welch(one: readonly number[], other: readonly number[]): Comparison {
  return { all: differenceOf(one, other), fasterHalf: differenceOf(fasterHalf(one), fasterHalf(other)) }
}

function fasterHalf(times: readonly number[]): readonly number[] {
  return times.toSorted((a, b) => a - b).slice(0, times.length >> 1)
}

function differenceOf(one: readonly number[], other: readonly number[]): Difference {
  const [a, b] = [momentsOf(one), momentsOf(other)]
  const difference = a.mean - b.mean
  return { difference, t: difference / Math.sqrt(a.variance / one.length + b.variance / other.length) }
}

function momentsOf(times: readonly number[]): { readonly mean: number; readonly variance: number } {
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length
  const variance = times.reduce((sum, time) => sum + (time - mean) ** 2, 0) / (times.length - 1)
  return { mean, variance }
}

/** Whether the one can be told from the other: in all the noise, or by more than a record in memory costs. */
export function isTold({ all, fasterHalf }: Comparison): boolean {
  return !(Math.abs(all.t) < 4.5 && Math.abs(fasterHalf.difference) < 2)
}

export function describeComparisons({
  pairs,
  ...comparisons
}: { readonly pairs: number } & Readonly<Record<string, Comparison | number>>): string {
  const wide = Math.max(26, ...Object.keys(comparisons).map(title => title.length + 2))
  const lines = Object.entries(comparisons as Record<string, Comparison>).map(
    ([title, { all, fasterHalf }]) => `  ${title.padEnd(wide)}${inWords(all)}${inWords(fasterHalf)}`,
  )
  const head = `${'all'.padStart(wide + 5)}${'faster half'.padStart(32)}`
  return [
    `${pairs} pairs. Goal for what must not be told: |t| < 4.5 of all, and less than 2 µs of the faster half`,
    head,
    ...lines,
  ].join('\n')
}

function inWords({ difference, t }: Difference): string {
  return `${difference.toFixed(2).padStart(8)} µs, t ${t.toFixed(1).padStart(6)}  `
}
