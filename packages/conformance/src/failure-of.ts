import { AssertionError } from 'node:assert/strict'

/**
 * The error that work ends with, as a value. For the faults of a subject, which must see an error.
 *
 * @throws {AssertionError} when the work ends well, or with something that is not an `Error`.
 */
export async function failureOf(work: Promise<unknown>): Promise<Error> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
  if (outcome === undefined) throw new AssertionError({ message: 'The work ended well; an error was expected.' })
  if (outcome.error instanceof Error) return outcome.error
  throw new AssertionError({ message: `The work ended with ${String(outcome.error)}, which is not an Error.` })
}
