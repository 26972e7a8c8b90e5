import { inTransaction, type Query } from '@tenantry/pg'
import pg from 'pg'
import { brokerFailure } from './broker-failure.ts'

/** Who makes and ends the logins of one server. */
export interface Broker {
  /** The server, as the application calls it. */
  readonly server: string
  /**
   * All or nothing, as the broker role.
   *
   * @throws {TenancyError} `CREDENTIALS_UNAVAILABLE`. Errors of statements are the server's own, save those that pass.
   */
  transaction<T>(work: (query: Query) => Promise<T>): Promise<T>
}

// Nobody holds these locks for long; a hung process must not hang others. And whatever `createrole_self_grant` says (since 16),
// the broker never has what its logins may.
const settings = `set local lock_timeout = '3s';
  select case when current_setting('server_version_num')::int >= 160000 then set_config('createrole_self_grant', '', true) end`

/** The broker of a server, on the pool that the caller opened for it. */
export function openBroker(server: string, pool: pg.Pool): Broker {
  return {
    server,
    transaction: work =>
      inTransaction(pool, async query => {
        await query(settings)
        return work(query)
      }).catch((error: unknown) => {
        throw brokerFailure(server, error)
      }),
  }
}

/**
 * A statement for all who end a lease: until their transactions end they take turns, in one process and in many whose brokers
 * use the same database.
 */
export function lockLease(lease: string): string {
  return `select pg_advisory_xact_lock(hashtextextended(${pg.escapeLiteral(`tenantry pg-database lease ${lease}`)}, 0))`
}
