import type { Logger } from '@tenantry/core'
import type { Broker } from './broker.ts'
import { refusal, sourceName } from './broker-failure.ts'
import { endLease, type LeaseEnd } from './end-lease.ts'
import type { Lease } from './find-leases.ts'

/** What came of ending some leases. */
export interface EndedLeases {
  readonly dropped: number
  /** Logins that are still there, though nobody can log in with them and their sessions have ended: something depends on them. */
  readonly kept: number
  /** `CREDENTIALS_UNAVAILABLE` and `CREDENTIALS_REFUSED`, one for each lease that could not be ended. */
  readonly failures: readonly unknown[]
}

// Ending one is mostly waiting, without a connection.
const atOnce = 16

/** Ends leases of one server, each by itself, so that one which resists keeps no other alive. Never throws. */
export async function endLeases(broker: Broker, leases: readonly Lease[], logger: Logger): Promise<EndedLeases> {
  const { server } = broker
  const ended = { dropped: 0, kept: 0, failures: [] as unknown[] }
  const left = [...leases]
  await Promise.all(Array.from({ length: Math.min(atOnce, left.length) }, work))
  return ended

  async function work(): Promise<void> {
    for (let lease = left.pop(); lease !== undefined; lease = left.pop()) {
      try {
        note(lease, await endLease(broker, lease.name))
      } catch (error) {
        const failure = refusal(server, error)
        ended.failures.push(failure)
        const reason = failure instanceof Error ? failure.message : String(failure)
        const details = { event: `${sourceName}.failed`, server, lease: lease.name, reason }
        logger.error(details, 'A leased login could not be ended.')
      }
    }
  }

  function note({ name, tenant }: Lease, end: LeaseEnd): void {
    if (end.is === 'dropped') ended.dropped++
    if (end.is !== 'kept') return
    ended.kept++
    const details = { event: `${sourceName}.kept`, server, lease: name, tenantDigest: tenant, why: end.why }
    const advice =
      "In the tenant's database, as its administrator: reassign owned by the login to the owner, then drop owned by it."
    logger.error(details, `A leased login was closed and its sessions ended, but it cannot be dropped. ${advice}`)
  }
}
