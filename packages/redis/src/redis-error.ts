import { TenancyError } from '@tenantry/core'

const lost = /^(?:Connection is closed\.|Command timed out)/

/** The driver's errors that say nothing of the command, by their codes; what the server answered stays as it is. */
export function connectionError(error: Error): Error {
  // Whoever waits when a connection cannot log in again is given the error of the login, which holds its password.
  if (isOfLogin(error)) {
    const reason = /^[A-Z]+/.exec(error.message)?.[0] ?? 'refused'
    return new TenancyError('CREDENTIALS_REFUSED', { source: 'redis', reason })
  }
  if (error.name === 'MaxRetriesPerRequestError' || lost.test(error.message)) {
    return new TenancyError(
      'CONNECTION_LOST',
      { reason: error.name === 'Error' ? error.message : error.name },
      { cause: error },
    )
  }
  if (error.message.startsWith("Stream isn't writeable")) {
    return new TenancyError('DATABASE_UNAVAILABLE', { reason: 'no connection to Redis' }, { cause: error })
  }
  return error
}

/** The same for whatever work with a client ends with: what the driver itself throws must not be shown, or be told apart by nobody. */
export function coded<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: Error) => {
    throw connectionError(error)
  })
}

/** Whether it is the server's answer to `AUTH` or `HELLO`. */
export function isOfLogin(error: unknown): error is Error & { command?: { readonly name: string } } {
  if (!(error instanceof Error) || !('command' in error)) return false
  return /^(?:auth|hello)$/i.test(String((error.command as { readonly name?: unknown } | undefined)?.name))
}
