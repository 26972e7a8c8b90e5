import { ambientCodes, driverCodes, errorCode } from '../error-code.ts'

/**
 * Faults strike provisioners too, who use the driver itself; they meet in a deadlock with who is reading; and what is sent on a
 * connection that ends because the tenant does may be lost.
 */
const interruptions = new Set([...ambientCodes, ...driverCodes, '40P01'])

function isInterruption(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if (interruptions.has(errorCode(at))) return true
  return false
}

/** Does it again as often as it is interrupted. Resolves with whether it was, and with what came in the end. */
export async function persist<T>(
  work: () => Promise<T>,
): Promise<{ readonly interrupted: boolean; readonly result: T }> {
  for (let interrupted = false, attempt = 1; ; interrupted = true, attempt++) {
    try {
      return { interrupted, result: await work() }
    } catch (error) {
      if (!isInterruption(error) || attempt === 20) throw error
    }
  }
}
