import { TenancyError } from './errors.ts'

/** The longest that timers and the server's intervals both know, in milliseconds; for a timer anything longer is over at once. */
const longest = 2 ** 31 - 1

/**
 * @param numbers - what must be at least `least`, by the name that the option has for its user.
 * @throws {TenancyError} `ARGUMENT_INVALID`
 */
export function checkWholeNumbers(numbers: Readonly<Record<string, unknown>>, least = 1): void {
  for (const [field, value] of Object.entries(numbers)) {
    if (Number.isInteger(value) && Number(value) >= least && Number(value) <= longest) continue
    throw new TenancyError('ARGUMENT_INVALID', { field, rule: `must be a whole number from ${least} to ${longest}` })
  }
}
