import { TenancyError } from '@tenantry/core'

/** The error for a command that is not sent. Names are shown, arguments never. */
export function refusal(command: string, reason: string, advice: string): TenancyError<'STATEMENT_REFUSED'> {
  // A name can be as long as the caller likes, and hold anything.
  const shown = /^[a-z][a-z0-9._ |-]{0,40}$/i.test(command) ? command.toUpperCase() : 'of this name'
  return new TenancyError('STATEMENT_REFUSED', { statement: `The Redis command ${shown}`, reason, advice })
}
