/** Lets connects to one server through, a few at a time. */
export interface ConnectGate {
  /** Runs a connect in its turn. */
  enter<T>(connect: () => Promise<T>): Promise<T>
}

/** Connects at once to one server. A connect costs it a process; a few at a time are as fast as many. */
const atOnce = 8
/** Milliseconds: the longest pause after failures. */
const longestPause = 1_000

/**
 * Keeps a server that comes back from being run over by everybody at once (threats D6): few connects at a time, and after failures a
 * pause before the next, random, and doubled each time.
 *
 * @param isFailure - whether an error tells that the server cannot be reached, rather than what it thinks of the login.
 */
export function connectGate(isFailure: (error: unknown) => boolean): ConnectGate {
  const waiting: (() => void)[] = []
  let running = 0
  let failures = 0
  let notBefore = 0

  async function enter<T>(connect: () => Promise<T>): Promise<T> {
    if (running >= atOnce) await new Promise<void>(resolve => waiting.push(resolve))
    else running += 1
    try {
      const pause = notBefore - performance.now()
      if (pause > 0) await new Promise(resolve => setTimeout(resolve, pause))
      const result = await connect()
      failures = 0
      return result
    } catch (error) {
      if (isFailure(error)) {
        failures += 1
        notBefore = performance.now() + Math.random() * Math.min(longestPause, 25 * 2 ** failures)
      } else {
        failures = 0
      }
      throw error
    } finally {
      // The place is handed over, so that nobody who comes now is in front of those who wait.
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }

  return { enter }
}
