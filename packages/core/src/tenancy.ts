import { createContext, type SystemAccess } from './context.ts'
import { warnOfSecondCopy } from './copies.ts'
import { readEnvelope, type TenantEnvelope } from './envelope.ts'
import { TenancyError } from './errors.ts'
import { createEvents, type Listener, type TenancyEvents } from './events.ts'
import { type ForEachOptions, forEachTenant } from './for-each.ts'
import type { Isolation } from './isolation.ts'
import { consoleLogger, type Logger } from './logger.ts'
import { findTenant, type TenantRegistry } from './registry.ts'
import type { RequestView } from './request-view.ts'
import { type ChainOptions, decide, type Trace } from './resolution.ts'
import type { Resolver } from './resolver.ts'
import { revocations } from './revocations.ts'
import { assertServable } from './servable.ts'
import type { Tenant } from './tenant.ts'
import { snapshotOf } from './tenant-snapshot.ts'
import { checkWholeNumbers } from './whole-numbers.ts'

/** Options of {@link createTenancy}. */
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
   * Milliseconds that work under way may still take once its tenant is suspended, archived or removed: then {@link Tenancy.current}
   * throws, so that handles refuse the next statement. With a registry that tells of changes, such as `cachedRegistry`. Default 5,000;
   * 0 is at once.
   */
  readonly drain?: number
  /** Default: warnings and errors as JSON lines on standard error. */
  readonly logger?: Logger
}

/** Who is the tenant, and in whose context does this code run. Made by {@link createTenancy}. */
export interface Tenancy {
  /**
   * Runs a unit of work as a tenant. The context ends with the work, and follows it through promises. A query builder that is
   * returned is started, and its promise given back.
   *
   * @throws {TenancyError} `TENANT_SWITCHED` inside the unit of work of another tenant; `TENANT_SUSPENDED`,
   * `TENANT_NOT_FOUND`, `TENANT_NOT_READY` for a tenant that may not be served; `ARGUMENT_INVALID` for what is no tenant.
   * @example
   * await tenancy.run(acme, () => db.selectFrom('notes').selectAll().execute())
   */
  run<T>(tenant: Tenant, fn: () => T): T
  /**
   * The tenant whose unit of work is running.
   *
   * @throws {TenancyError} `TENANT_CONTEXT_MISSING` outside every {@link Tenancy.run}; `TENANT_SUSPENDED`, `TENANT_NOT_FOUND`,
   * `TENANT_NOT_READY` when the tenant is no longer active and {@link TenancyOptions.drain} is over.
   * @example
   * await tenancy.run(acme, () => tenancy.current().slug) // 'acme'
   */
  current(): Tenant
  /**
   * Aborts when the work under way for the current tenant has to end: for sockets, streams and requests to others. One signal for all
   * work of a tenant in this process, with the error that {@link Tenancy.current} throws from then on as its reason. Without a registry
   * that tells of changes it never aborts.
   *
   * @throws {TenancyError} as {@link Tenancy.current}
   * @example
   * await tenancy.run(acme, () => fetch(url, { signal: tenancy.signal() }))
   */
  signal(): AbortSignal
  /** The tenant whose unit of work is running, or `undefined`. */
  maybeCurrent(): Tenant | undefined
  /**
   * Runs work that belongs to no tenant. Logged, and told to `system` listeners for the audit. There is no tenant inside, so
   * tenant handles refuse to work; `run` may enter any tenant.
   *
   * @throws {TenancyError} `ARGUMENT_INVALID` without an actor or a reason.
   */
  runAsSystem<T>(access: SystemAccess, fn: () => T): T
  /** Binds a callback to the present context, for emitters, timers and queues that would call it in another. */
  bind<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R
  /**
   * The tenant of a request. Logs and tells listeners what was decided.
   *
   * @throws {TenancyError} `TENANT_ABSENT`, `TENANT_CREDENTIALS_REQUIRED`, `TENANT_NOT_FOUND`, `TENANT_SUSPENDED`,
   * `TENANT_NOT_READY`, `TENANT_AMBIGUOUS`, `TENANT_UNVERIFIED`, or what a resolver throws.
   */
  resolve(request: RequestView): Promise<Tenant>
  /** Why a request is sent where it is sent: what {@link Tenancy.resolve} would decide, and each resolver's answer. */
  explain(request: RequestView): Promise<Trace>
  /** The handle of whichever tenant is current when it is used. */
  handle<Handle>(isolation: Isolation<Handle>): Handle
  /**
   * What a job must carry to be resumed as this tenant: a small piece of JSON with nothing but the id.
   *
   * @throws {TenancyError} `TENANT_CONTEXT_MISSING`
   */
  capture(): TenantEnvelope
  /**
   * Runs a job as the tenant of its envelope, which is looked up and checked again.
   *
   * @throws {TenancyError} `ENVELOPE_INVALID`, `TENANT_NOT_FOUND`, `TENANT_SUSPENDED`, `TENANT_NOT_READY`, `TENANT_SWITCHED`
   */
  resume<T>(envelope: unknown, fn: () => T): Promise<Awaited<T>>
  /**
   * Runs work as each active tenant, several at once. One tenant's failure does not stop the others.
   *
   * @returns how many tenants were worked on.
   * @throws {TenancyError} `FOR_EACH_FAILED` at the end; `TENANT_SWITCHED` inside a tenant's unit of work; `ARGUMENT_INVALID`;
   * and what the registry throws.
   */
  forEach(fn: (tenant: Tenant) => unknown, options?: ForEachOptions): Promise<number>
  /** Hears of resolutions, refusals and system access. Returns a function that stops it. */
  on<K extends keyof TenancyEvents>(kind: K, listener: Listener<K>): () => void
}

/**
 * A tenancy: a registry, a chain of resolvers and a context of its own.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for an option against its rule.
 * @example
 * const tenancy = createTenancy({ registry, resolvers: [host({ baseDomains: ['example.com'] })] })
 */
export function createTenancy(options: TenancyOptions): Tenancy {
  warnOfSecondCopy()
  const { registry, logger = consoleLogger, drain = 5_000 } = options
  checkWholeNumbers({ drain }, 0)
  const context = createContext()
  const events = createEvents((error, kind) => logger.error({ event: kind, error: String(error) }, 'A listener threw.'))
  const chain: ChainOptions = {
    registry,
    resolvers: [...(options.resolvers ?? [])],
    onUnresolved: options.onUnresolved ?? 'reject',
    onConflict: options.onConflict ?? 'reject',
    absentStatus: options.absentStatus ?? 400,
    hideSuspended: options.hideSuspended ?? false,
  }

  const revoked = revocations(registry, { ...chain, drain })

  function maybeCurrent(): Tenant | undefined {
    const scope = context.scope()
    return scope?.kind === 'tenant' ? scope.tenant : undefined
  }

  function current(): Tenant {
    const scope = context.scope()
    if (scope?.kind === 'tenant') {
      revoked.check(scope.tenant)
      return scope.tenant
    }
    throw new TenancyError('TENANT_CONTEXT_MISSING', { scope: scope === undefined ? 'none' : 'system' })
  }

  function run<T>(tenant: Tenant, fn: () => T): T {
    const snapshot = snapshotOf(tenant)
    assertServable(snapshot, `id ${snapshot.id}`, chain)
    revoked.admit(snapshot)
    return context.enter({ kind: 'tenant', tenant: snapshot }, fn)
  }

  function runAsSystem<T>(access: SystemAccess, fn: () => T): T {
    for (const field of ['actor', 'reason'] as const) {
      if (typeof access[field] !== 'string' || access[field].trim() === '') {
        throw new TenancyError('ARGUMENT_INVALID', { field, rule: 'must say who looks across tenants, or why' })
      }
    }
    const { actor, reason } = access
    const from = maybeCurrent()?.id
    const event = { actor, reason, ...(from === undefined ? {} : { from }) }
    logger.warn({ event: 'tenancy.system', ...event }, 'The system scope was entered.')
    events.emit('system', event)
    return context.enter({ kind: 'system', access: Object.freeze({ actor, reason }) }, fn)
  }

  async function resolve(request: RequestView): Promise<Tenant> {
    // The query may carry credentials, so only the path is logged.
    const asked = { target: request.target.split(/[?#]/, 1)[0], host: request.header('host')[0] }
    const { tenant, error, trace } = await decide(chain, request).catch((broken: unknown) => {
      logger.error({ event: 'tenancy.failed', ...asked }, 'A resolver or the registry broke.')
      throw broken
    })
    if (error !== undefined) {
      logger.warn({ event: 'tenancy.refused', ...asked, ...trace }, error.message)
      events.emit('refused', { trace })
      throw error
    }
    if (trace.outcome === 'defaulted') {
      logger.info({ event: 'tenancy.defaulted', ...trace }, trace.reason)
      events.emit('defaulted', { trace })
    } else {
      events.emit('resolved', { trace })
    }
    return tenant
  }

  async function resume<T>(envelope: unknown, fn: () => T): Promise<Awaited<T>> {
    const { tenant: id } = readEnvelope(envelope)
    const tenant = await findTenant(registry, { kind: 'id', value: id })
    if (tenant === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${id}` })
    return await run(tenant, fn)
  }

  async function forEach(fn: (tenant: Tenant) => unknown, forEachOptions?: ForEachOptions): Promise<number> {
    const inside = maybeCurrent()
    if (inside !== undefined) throw new TenancyError('TENANT_SWITCHED', { from: inside.id, to: 'every tenant' })
    return forEachTenant(registry.list(), tenant => run(tenant, () => fn(tenant)), forEachOptions)
  }

  return {
    run,
    current,
    maybeCurrent,
    signal: () => revoked.signal(current()),
    runAsSystem,
    bind: context.bind,
    resolve,
    explain: async request => (await decide(chain, request)).trace,
    handle: isolation => isolation.handle(current),
    capture: () => ({ v: 1, tenant: current().id }),
    resume,
    forEach,
    on: events.on,
  }
}
