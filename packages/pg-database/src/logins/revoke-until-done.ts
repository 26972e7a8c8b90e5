import type { Credentials, Logger } from '@tenantry/core'
import { type LeaseOrigin, leaseEvent } from './lease-event.ts'
import type { LeaseNumbers } from './lease-numbers.ts'

/** Revokes a lease; what fails is tried again until the lease has ended, after which it is the sweeper's. */
export async function revokeUntilDone(
  credentials: Credentials,
  { logger, numbers, ...origin }: LeaseOrigin & { readonly logger: Logger; readonly numbers: LeaseNumbers },
): Promise<void> {
  const { source, target } = origin
  if (source.revoke === undefined || credentials.lease === undefined) return
  const end = credentials.expiresAt ?? Date.now() + 60_000
  for (let pause = 100; ; pause = Math.min(pause * 2, 5_000)) {
    try {
      await source.revoke(credentials, target)
      numbers.revoked += 1
      return
    } catch (error) {
      numbers.revocationsFailed += 1
      const about = leaseEvent('revocation', credentials, origin, error)
      logger.error(about, 'A lease could not be revoked; it is tried again until it ends.')
    }
    if (Date.now() >= end) {
      numbers.abandoned += 1
      return
    }
    // No longer than to its end: whoever waits on keeps a password that is of no use any more.
    const wait = Math.min(pause * (0.5 + Math.random()), end - Date.now())
    await new Promise(resolve => setTimeout(resolve, wait).unref())
  }
}
