/**
 * The code of an error: of Tenantry, or the server's SQLSTATE. `QUERY_TIMEOUT` stands for pg's client-side timeout, which has none;
 * any other error without a code is its own text.
 */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as { code?: unknown }
  if (typeof code === 'string') return code
  return error.message === 'Query read timeout' ? 'QUERY_TIMEOUT' : `${error.name}: ${error.message}`
}

/** What any operation may meet while connections are killed and statements cancelled around it. */
export const ambientCodes: readonly string[] = ['CONNECTION_LOST', 'DATABASE_UNAVAILABLE', '57014']

/** The same for whoever uses the driver itself: how it and the server say that a connection is gone. */
export const driverCodes: readonly string[] = [
  ...['57P01', '08006', '08P01', 'EPIPE', 'ECONNRESET', 'ECONNREFUSED'],
  'Error: Connection terminated unexpectedly',
  'Error: Client has encountered a connection error and is not queryable',
]

/** After these nobody knows whether a statement that was sent took effect. */
export function leavesUnknown(error: unknown): boolean {
  return /^(?:CONNECTION_LOST|QUERY_TIMEOUT)$/.test(errorCode(error))
}
