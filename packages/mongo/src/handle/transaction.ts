import { TenancyError } from '@tenantry/core'
import type { TransactionOptions } from 'mongodb'
import { refuse } from '../fence/refuse.ts'
import { type Held, type Scope, sameTenant } from './scope.ts'

/** What transactions need to know. */
export interface TransactionParts {
  /** Whether the server has transactions. */
  readonly transactions: boolean
}

/**
 * Work in a transaction of one tenant. The session is made for it and ends with it, so that no two transactions and no two tenants ever
 * share one (M6).
 *
 * @see https://www.mongodb.com/docs/drivers/node/current/crud/transactions/
 */
export async function transaction<T>(
  scope: Scope,
  { transactions }: TransactionParts,
  options: TransactionOptions,
  work: (scope: Scope) => Promise<T>,
): Promise<T> {
  if (typeof work !== 'function')
    throw new TenancyError('ARGUMENT_INVALID', { field: 'work', rule: 'must be a function' })
  const tenant = scope.tenant()
  if (!transactions)
    return refuse(
      'A transaction',
      'this isolation was made with transactions: false',
      'Use a replica set, and leave the option out.',
    )
  let isOpen = true
  const ended = () => {
    isOpen = false
  }
  // A closed isolation lets its clients go, also from inside a transaction of theirs.
  let opened: Held | undefined
  const held = await scope.hold(tenant, () => {
    ended()
    opened?.release()
  })
  opened = held

  const session = held.db.client.startSession()
  try {
    return await session.withTransaction(async () => {
      // Whoever keeps the handle of an attempt that is done again has a dead one.
      let isAttempt = true
      const inner: Scope = {
        ...scope,
        tenant() {
          if (!isOpen || !isAttempt) throw new TenancyError('SCOPE_CLOSED', { what: 'The handle of a transaction' })
          return sameTenant(scope, tenant)
        },
        hold: () => ({ db: held.db, session, release: () => undefined }),
        // The driver does the work again by what is written on its errors.
        translate: error => error,
      }
      try {
        return await work(inner)
      } finally {
        isAttempt = false
      }
    }, options)
  } catch (error) {
    throw scope.translate(error, tenant)
  } finally {
    ended()
    await session.endSession()
    held.release()
  }
}
