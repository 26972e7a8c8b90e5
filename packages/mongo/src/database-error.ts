import { isTenancyError, TenancyError, type Tenant } from '@tenantry/core'
import {
  MongoBulkWriteError,
  MongoClientClosedError,
  MongoNetworkError,
  MongoServerClosedError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
} from 'mongodb'

const authenticationFailed = 18

/**
 * The error that the user gets: of Tenantry where the database was not reached, else the driver's own, so that a duplicate key stays what
 * it is.
 */
export function databaseError(error: unknown, tenant: Pick<Tenant, 'id'>): unknown {
  if (isTenancyError(error) || !(error instanceof Error)) return error
  // The driver puts whatever ended a bulk write into an error of bulk writes, also what was no answer.
  if (error instanceof MongoBulkWriteError && (error.errorResponse as unknown) instanceof Error)
    return databaseError(error.errorResponse, tenant)
  const options = { cause: error }
  if (error instanceof MongoServerSelectionError || error.name === 'MongoPoolClearedError')
    return new TenancyError('DATABASE_UNAVAILABLE', { reason: 'no server answers' }, options)
  const isClosed = [MongoTopologyClosedError, MongoServerClosedError, MongoClientClosedError].some(
    kind => error instanceof kind,
  )
  if (isClosed) return new TenancyError('DATABASE_UNAVAILABLE', { reason: 'the client was closed' }, options)
  if (error.name === 'MongoWaitQueueTimeoutError')
    return new TenancyError('POOL_EXHAUSTED', { tenant: tenant.id, waited: 0, retryAfter: 1, limit: 'tenant' }, options)
  if (error instanceof MongoNetworkError) return new TenancyError('CONNECTION_LOST', { reason: error.name }, options)
  if (error instanceof MongoServerError && error.code === authenticationFailed)
    return new TenancyError(
      'CREDENTIALS_REFUSED',
      { source: 'The MongoDB server', reason: 'it refused the login' },
      options,
    )
  return error
}
