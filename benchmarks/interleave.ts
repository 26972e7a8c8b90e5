/** How a comparison is run. */
export interface InterleaveOptions {
  /** What the progress on a terminal calls it. */
  readonly title: string
  readonly rounds: number
  /** Operations of each subject in each round. */
  readonly operations: number
  readonly concurrency: number
  /** The argument of the n-th operation; the same for all subjects. */
  argument(index: number): number
}

/**
 * Times subjects in turns, in another order each round, so that none is always first. The first two rounds warm up.
 *
 * @returns for each subject and round, microseconds an operation.
 */
export async function interleave<Name extends string>(
  subjects: Readonly<Record<Name, (argument: number) => Promise<unknown>>>,
  { title, rounds, operations, concurrency, argument }: InterleaveOptions,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(subjects) as Name[]
  const times = Object.fromEntries(names.map(name => [name, [] as number[]])) as Record<Name, number[]>
  const warmUp = 2
  for (let round = 0; round < rounds + warmUp; round++) {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K  ${title}: round ${round + 1} of ${rounds + warmUp} `)
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length] as Name
      const time = await timed(subjects[name], operations, concurrency, argument)
      if (round >= warmUp) times[name].push(time)
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  return times
}

async function timed(
  subject: (argument: number) => Promise<unknown>,
  operations: number,
  concurrency: number,
  argument: (index: number) => number,
): Promise<number> {
  let next = 0
  async function worker(): Promise<void> {
    while (next < operations) await subject(argument(next++))
  }
  const start = process.hrtime.bigint()
  await Promise.all(Array.from({ length: concurrency }, worker))
  return Number(process.hrtime.bigint() - start) / operations / 1000
}
