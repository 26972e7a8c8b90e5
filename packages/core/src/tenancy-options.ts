import type { AuditLog } from './lifecycle/audit.ts'
import type { Logger } from './logger.ts'
import type { TenantRegistry } from './registry.ts'
import type { Resolver } from './resolver.ts'

/** Options of `createTenancy`. */
export interface TenancyOptions {
  readonly registry: TenantRegistry
  /** Asked in order. All are asked, so that sources that disagree are noticed. Default none. */
  readonly resolvers?: readonly Resolver[]
  /**
   * `default`: a request without any signal, or whose host no tenant has, is served by the default tenant (T33, T38).
   * A bad credential never is. Default `reject`.
   */
  readonly onUnresolved?: 'reject' | 'default'
  /** `first`: the first resolver with a signal decides, and no other is asked. Default `reject`: sources must agree. */
  readonly onConflict?: 'reject' | 'first'
  /** Whether a request without a signal is malformed (400) or lacks credentials (401). Default 400. */
  readonly absentStatus?: 400 | 401
  /** Refuse a suspended tenant as if it did not exist. Default `false`. */
  readonly hideSuspended?: boolean
  /**
   * Milliseconds that work under way may still take once its tenant is suspended, archived or removed: then `current()`
   * throws, so that handles refuse the next statement. With a registry that tells of changes, such as `cachedRegistry`. Default 4,000, so that all has
   * ended within five seconds of the suspension, sockets and streams too; 0 is at once.
   */
  readonly drain?: number
  /** Default: warnings and errors as JSON lines on standard error. */
  readonly logger?: Logger
  /** Where entries into the system scope and impersonations are written before they begin. Default: to the log only. */
  readonly audit?: AuditLog
}
