import {
  consoleLogger,
  type Finding,
  type Logger,
  type SafeStartOptions,
  safeStart,
  type TenantSource,
} from '@tenantry/core'
import { logLostConnections, type SessionStatePolicy, scopedPool, type TenantPool } from '@tenantry/pg'
import type pg from 'pg'
import { sharedFindings } from './checks/shared-findings.ts'

/** Options of {@link sharedData}. */
export interface SharedDataOptions {
  /**
   * The database that the application's configuration points at, where the shared tables stand until there is a server for them.
   * Opened and closed by the caller, connecting as a role that may SELECT from tables named `shared_…` and do nothing else: not as the
   * one that reads the registry.
   */
  readonly bootstrap: pg.Pool
  /** The database of the shared tables, once they have one; likewise. Default: `bootstrap`. */
  readonly shared?: pg.Pool
  /** See `safeStart`. Default `refuse`. */
  readonly onUnsafe?: SafeStartOptions['onUnsafe']
  /** See `scopedPool`. Default `true`. */
  readonly namedStatements?: boolean
  /** See `scopedPool`. Default `detect`. */
  readonly sessionState?: SessionStatePolicy
  /** Receives findings and lost connections. Default `consoleLogger`. */
  readonly logger?: Logger
}

/** Reference data that is the same for every tenant. */
export interface SharedData {
  /** A pool that reads, in the context of any tenant and in none without; no statement of it writes (25006). Cheap. */
  handle(tenant: TenantSource): TenantPool
  /**
   * Resolves when the role of the pool can do nothing but read shared tables. A handle waits for it before its first statement.
   *
   * @throws {TenancyError} `UNSAFE_CONFIGURATION` with the findings, `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`, `CONFIG_INVALID`
   */
  ready(): Promise<void>
  /** What that role can do beyond reading shared tables; empty when all is well. */
  verify(): Promise<readonly Finding[]>
  /** Handles refuse to work afterwards. The pools stay open. Idempotent. */
  close(): void
}

/**
 * Tables named `shared_…`: readable in the context of any tenant and writable in none. Every statement is made read-only in the same
 * write, with a setting that the server takes back from nobody once a query has run; the role of the pool, which may only read, is
 * the other half, and `ready` refuses one that may do more.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`, `CONFIG_INVALID`. Handles throw what `TenantPool` says, `UNSAFE_CONFIGURATION`, and the
 * server's own 25006 for a statement that would write.
 * @example
 * const reference = sharedData({ bootstrap: pool }).handle(tenancy.current)
 * await tenancy.run(acme, () => reference.query('select name from shared_platforms'))
 */
export function sharedData(options: SharedDataOptions): SharedData {
  const { bootstrap, shared: pool = bootstrap, logger = consoleLogger, onUnsafe = 'refuse' } = options
  const verify = () => sharedFindings(pool)
  const ready = safeStart({ isolation: 'shared-data', look: verify, onUnsafe, logger })
  const scoped = scopedPool({
    pool,
    ready,
    // Frozen and always the same, which saves looking at it again.
    scope: { settings: ['transaction_read_only'], values: () => readOnly },
    ...(options.namedStatements === undefined ? {} : { namedStatements: options.namedStatements }),
    ...(options.sessionState === undefined ? {} : { sessionState: options.sessionState }),
  })
  const stopListening = logLostConnections(pool, 'shared-data', logger)
  return {
    handle: scoped.handle,
    ready,
    verify,
    close() {
      scoped.close()
      stopListening()
    },
  }
}

const readOnly = Object.freeze(['on'])
