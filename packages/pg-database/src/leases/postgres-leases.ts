import {
  type CredentialSource,
  checkWholeNumbers,
  consoleLogger,
  type Logger,
  type LoginTarget,
  TenancyError,
  tenantDigest,
} from '@tenantry/core'
import { logLostConnections } from '@tenantry/pg'
import type pg from 'pg'
import { type Broker, openBroker } from './broker.ts'
import { refused, sourceName } from './broker-failure.ts'
import { brokerProblems } from './check-broker.ts'
import { endLeases } from './end-leases.ts'
import { findLease, findLeases, type Lease } from './find-leases.ts'
import { issueLease } from './issue-lease.ts'
import { checkLeasePrefix } from './lease-name.ts'
import { type SweepReport, sweepBroker } from './sweep-broker.ts'
import { sweeper } from './sweeper.ts'

/** What {@link postgresLeases} needs. */
export interface PostgresLeasesOptions {
  /**
   * A pool for each server, by the server's name in the placements of tenants; each logs in as the broker role of its server, to a
   * database that is no tenant's. Opened and ended by the caller. Two connections are enough; give it a `connectionTimeoutMillis`
   * and a `query_timeout`, for a server that does not answer.
   *
   * A broker role has CREATEROLE and nothing else. On Postgres 16 and later it needs each tenant's owner role besides:
   * `grant owner to broker with admin true, inherit false, set false`. On 15, CREATEROLE can grant itself every role that is no
   * superuser, predefined ones as well: there, keep the broker's password as you would a superuser's.
   */
  readonly brokers: Readonly<Record<string, pg.Pool>>
  /** The milliseconds after which a login ends by itself, by the clock of the server. Default 300,000. */
  readonly lifetime?: number
  /** The milliseconds between two sweeps. Default 60,000. */
  readonly sweepEvery?: number
  /** What the names of logins begin with; at most 24 characters. Default `l_`. */
  readonly prefix?: string
  /** Default {@link consoleLogger}. */
  readonly logger?: Logger
}

/** Leased logins, and the sweeper that ends them. */
export type PostgresLeases = Required<
  Pick<
    CredentialSource,
    'name' | 'lifetime' | 'ready' | 'broker' | 'issue' | 'revoke' | 'revokeAll' | 'withdraw' | 'close'
  >
> & {
  /**
   * Ends the logins whose time is over, with their sessions, and those that somebody began to revoke; on every server, whichever
   * process made them. Never throws: what fails is logged, counted, and tried again by the next sweep.
   */
  sweep(): Promise<SweepReport>
}

/**
 * Logins by lease that need nothing but Postgres: a broker role makes one each time, which ends by itself, may do what the tenant's
 * owner role may and no more, and makes its objects as that role. The ledger is the server's own catalogue, so that whichever
 * process crashes, no login is forgotten. No statement carries a password.
 *
 * A session goes on after the end of its login, until the next sweep. A login that owns objects, because somebody ran
 * `set role none` with it, is closed, but can only be dropped when they are gone: that is logged as `postgres-leases.kept`.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`. What it gives throws `CREDENTIALS_UNAVAILABLE` when a broker cannot be asked and
 * `CREDENTIALS_REFUSED` when the server is unknown or does not want to; `ready` also `CONFIG_INVALID` for a broker role with too few
 * or too many privileges; `revoke` also `OBJECT_FOREIGN` for a role that is no lease of the tenant.
 * @example
 * const leases = postgresLeases({ brokers: { eu: new pg.Pool({ connectionString: process.env.BROKER_EU_URL, max: 2 }) } })
 */
export function postgresLeases(options: PostgresLeasesOptions): PostgresLeases {
  const { lifetime = 300_000, sweepEvery = 60_000, prefix = 'l_', logger = consoleLogger } = options
  checkWholeNumbers({ lifetime, sweepEvery })
  checkLeasePrefix(prefix)
  const pools = Object.entries(options.brokers)
  if (pools.length === 0) {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'brokers', rule: 'must have a pool for each server' })
  }
  const brokers = new Map(pools.map(([server, pool]) => [server, openBroker(server, pool)]))
  /** The role of a pool does not change. */
  const roles = new Map<string, string>()
  const stopListening = pools.map(([, pool]) => logLostConnections(pool, sourceName, logger))
  const sweeps = sweeper(sweepAll, sweepEvery)

  return {
    name: sourceName,
    lifetime,
    async broker(server) {
      const known = roles.get(server)
      if (known !== undefined) return known
      const { rows } = await brokerOf({ server }).transaction(query =>
        query<{ name: string }>('select current_user as name'),
      )
      const name = rows[0]?.name
      if (name !== undefined) roles.set(server, name)
      return name
    },
    async ready() {
      const problems = (await Promise.all([...brokers.values()].map(brokerProblems))).flat()
      if (problems.length > 0) throw new TenancyError('CONFIG_INVALID', { source: sourceName, problems })
    },
    issue: async target => issueLease(brokerOf(target), target, { prefix, lifetime }),
    async revoke({ lease }, target) {
      const broker = brokerOf(target)
      if (lease === undefined) {
        throw new TenancyError('ARGUMENT_INVALID', { field: 'credentials.lease', rule: 'must name a lease' })
      }
      const found = await findLease(broker, lease, target.tenant)
      if (found !== undefined) await endEach(broker, [found])
    },
    revokeAll,
    withdraw: revokeAll,
    sweep: sweeps.now,
    async close() {
      await sweeps.close()
      for (const stop of stopListening) stop()
    },
  }

  async function revokeAll(target: LoginTarget): Promise<void> {
    const broker = brokerOf(target)
    const digest = tenantDigest(target.tenant)
    const leases = await findLeases(broker, 'all')
    await endEach(
      broker,
      leases.filter(({ tenant }) => tenant === digest),
    )
  }

  async function endEach(broker: Broker, leases: readonly Lease[]): Promise<void> {
    const { failures } = await endLeases(broker, leases, logger)
    if (failures.length > 0) throw failures[0]
  }

  async function sweepAll(): Promise<SweepReport> {
    const reports = await Promise.all([...brokers.values()].map(broker => sweepBroker(broker, logger)))
    const sum = (count: keyof SweepReport) => reports.reduce((total, report) => total + report[count], 0)
    return { dropped: sum('dropped'), failed: sum('failed') }
  }

  function brokerOf({ server }: Pick<LoginTarget, 'server'>): Broker {
    const broker = brokers.get(server)
    if (broker === undefined) throw refused(`there is no broker for server "${server}"`)
    return broker
  }
}
