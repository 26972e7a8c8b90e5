import type { Logger } from '@tenantry/core'
import type { Broker } from './broker.ts'
import { sourceName } from './broker-failure.ts'
import { endLeases } from './end-leases.ts'
import { findLeases } from './find-leases.ts'

/** What one sweep did. */
export interface SweepReport {
  readonly dropped: number
  /** Servers that could not be asked, and logins that are still there though their time is over. The next sweep tries again. */
  readonly failed: number
}

/** Ends what has expired on one server, or was left half revoked. Never throws. */
export async function sweepBroker(broker: Broker, logger: Logger): Promise<SweepReport> {
  try {
    const { dropped, kept, failures } = await endLeases(broker, await findLeases(broker, 'ended'), logger)
    return { dropped, failed: kept + failures.length }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const details = { event: `${sourceName}.sweep`, server: broker.server, reason }
    logger.error(details, 'The leased logins of a server could not be swept.')
    return { dropped: 0, failed: 1 }
  }
}
