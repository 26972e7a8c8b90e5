/** The middle of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

/** The middle of what is computed for each round, so that a slow moment of the machine counts on both sides. */
export function medianOfRounds<Name extends string>(
  times: Readonly<Record<Name, readonly number[]>>,
  compute: (round: Readonly<Record<Name, number>>) => number,
): number {
  const columns = Object.entries<readonly number[]>(times)
  const rounds = columns[0]?.[1].length ?? 0
  return median(
    Array.from({ length: rounds }, (_, round) =>
      compute(Object.fromEntries(columns.map(([name, column]) => [name, column[round]])) as Record<Name, number>),
    ),
  )
}
