import { TenancyError } from '@tenantry/core'

const lost = /^(?:Connection is closed\.|Command timed out)/

/** The driver's errors that say nothing of the command, by their codes; what the server answered stays as it is. */
export function connectionError(error: Error): Error {
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
