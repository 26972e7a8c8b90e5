import { quoteIdentifier } from '@tenantry/pg'
import { type Broker, lockLease } from './broker.ts'
import { sqlstate } from './broker-failure.ts'
import { endSessions } from './end-sessions.ts'

/**
 * What became of a lease: `dropped`, `gone` because somebody else did it, or `kept`, with its sessions ended and no way to log in,
 * because something depends on it that only others can take away.
 */
export type LeaseEnd = { readonly is: 'dropped' | 'gone' } | { readonly is: 'kept'; readonly why: string }

/**
 * Ends a lease. Whoever does it again, after a failure or at the same time, comes to the same end.
 *
 * @throws {TenancyError} `CREDENTIALS_UNAVAILABLE`. Errors of statements are the server's own.
 */
export async function endLease(broker: Broker, lease: string): Promise<LeaseEnd> {
  const role = quoteIdentifier(lease)
  try {
    // Committed before its sessions end, so that no other begins. A lease that is left here is found by the next sweep.
    await underLock(`alter role ${role} nologin password null valid until '-infinity'`)
    await endSessions(broker, lease)
    await underLock(`drop role ${role}`)
    return { is: 'dropped' }
  } catch (error) {
    const state = sqlstate(error)
    if (state === undefinedObject) return { is: 'gone' }
    if (state === dependentObjects) return { is: 'kept', why: whatDepends(error) }
    throw error
  }

  function underLock(statement: string): Promise<unknown> {
    return broker.transaction(async query => {
      await query(lockLease(lease))
      await query(statement)
    })
  }
}

const undefinedObject = '42704'
const dependentObjects = '2BP01'

function whatDepends(error: unknown): string {
  const { detail } = error as { readonly detail?: string }
  return detail ?? 'objects depend on it'
}
