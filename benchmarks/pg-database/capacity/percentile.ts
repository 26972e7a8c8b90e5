/** The value below which so many of 100 of the numbers lie. */
export function percentile(numbers: readonly number[], of: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * of) / 100))] ?? Number.NaN
}
