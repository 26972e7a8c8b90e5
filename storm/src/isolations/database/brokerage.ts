import type { CredentialSource, Credentials, Logger, Tenant } from '@tenantry/core'
import { postgresLeases } from '@tenantry/pg-database'
import pg from 'pg'
import type { Estate } from './estate.ts'
import { leasePrefix, serverNames } from './names.ts'

/** Leases of a broker on each server, and what was given out last. */
export interface Brokerage {
  readonly source: CredentialSource
  /** The last login that a tenant was given. */
  lastOf(tenant: Pick<Tenant, 'id'>): Credentials | undefined
  close(): Promise<void>
}

/** Options of {@link openBrokerage}. */
export interface BrokerageOptions {
  /** Milliseconds. */
  readonly lifetime: number
  readonly sweepEvery: number
  readonly logger: Logger
}

export function openBrokerage({ servers }: Estate, options: BrokerageOptions): Brokerage {
  const pools = serverNames.map(name => {
    const terms = {
      connectionString: servers[name].brokerUrl,
      max: 4,
      connectionTimeoutMillis: 10_000,
      query_timeout: 10_000,
    }
    return [name, new pg.Pool(terms)] as const
  })
  const leases = postgresLeases({ brokers: Object.fromEntries(pools), prefix: leasePrefix, ...options })
  const last = new Map<string, Credentials>()
  return {
    source: {
      ...leases,
      async issue(target) {
        const issued = await leases.issue(target)
        last.set(target.tenant, issued)
        return issued
      },
    },
    lastOf: ({ id }) => last.get(id),
    async close() {
      await leases.close()
      for (const [, pool] of pools) {
        pool.on('error', () => undefined)
        await pool.end()
      }
    },
  }
}
