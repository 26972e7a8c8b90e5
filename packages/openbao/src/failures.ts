import { TenancyError } from '@tenantry/core'

/** The name of the source in errors and logs. */
export const sourceName = 'openbao-leases'

/** OpenBAO cannot be asked now. Without a cause: what `fetch` throws may hold the header with the token. */
export function unavailable(reason: string): TenancyError<'CREDENTIALS_UNAVAILABLE'> {
  return new TenancyError('CREDENTIALS_UNAVAILABLE', { source: sourceName, reason })
}

/** OpenBAO answers and does not want to. The reason names a path, never what was sent or answered. */
export function refused(reason: string): TenancyError<'CREDENTIALS_REFUSED'> {
  return new TenancyError('CREDENTIALS_REFUSED', { source: sourceName, reason })
}
