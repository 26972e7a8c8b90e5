import { createContext, type Scope } from './context.ts'
import { warnOfSecondCopy } from './copies.ts'
import { readEnvelope, type TenantEnvelope } from './envelope.ts'
import { TenancyError } from './errors.ts'
import { createEvents, type Listener, type TenancyEvents } from './events.ts'
import type { Evidence, EvidenceSource } from './evidence.ts'
import { type ForEachOptions, forEachTenant } from './for-each.ts'
import { assertLasts, type ImpersonatedWork, impersonations } from './impersonation.ts'
import type { Isolation } from './isolation.ts'
import { consoleLogger } from './logger.ts'
import { findTenant } from './registry.ts'
import type { RequestView } from './request-view.ts'
import { type ChainOptions, decide } from './resolution.ts'
import { revocations } from './revocations.ts'
import { assertServable } from './servable.ts'
import { type SystemWork, systemWork } from './system-scope.ts'
import type { TenancyOptions } from './tenancy-options.ts'
import type { Tenant } from './tenant.ts'
import { snapshotOf } from './tenant-snapshot.ts'
import type { Trace } from './trace.ts'
import { checkWholeNumbers } from './whole-numbers.ts'

/** Who is the tenant, and in whose context does this code run. Made by {@link createTenancy}. */
export interface Tenancy extends SystemWork, ImpersonatedWork {
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
   * @throws {TenancyError} `TENANT_CONTEXT_MISSING` outside every {@link Tenancy.run}; `IMPERSONATION_ENDED`; `TENANT_SUSPENDED`,
   * `TENANT_NOT_FOUND`, `TENANT_NOT_READY` when the tenant is no longer active and {@link TenancyOptions.drain} is over.
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
  /**
   * The tenant whose unit of work is running, or `undefined`.
   *
   * @throws {TenancyError} `IMPERSONATION_ENDED`: what goes on behind the end must not do so as nobody.
   */
  maybeCurrent(): Tenant | undefined
  /**
   * How this unit of work came to its tenant, and who acts in it.
   *
   * @throws {TenancyError} `TENANT_CONTEXT_MISSING` outside of tenants and the system scope; `IMPERSONATION_ENDED`.
   */
  evidence(): Evidence
  /** Binds a callback to the present context, for emitters, timers and queues that would call it in another. */
  bind<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R
  /**
   * The tenant of a request. Logs and tells listeners what was decided.
   *
   * @throws {TenancyError} `TENANT_ABSENT`, `TENANT_CREDENTIALS_REQUIRED`, `TENANT_NOT_FOUND`, `TENANT_SUSPENDED`,
   * `TENANT_NOT_READY`, `TENANT_AMBIGUOUS`, `TENANT_UNVERIFIED`, or what a resolver throws.
   */
  resolve(request: RequestView): Promise<Tenant>
  /**
   * Runs a unit of work as the tenant of a request; doors do so. Inside, {@link Tenancy.evidence} says which sources named the tenant,
   * and who calls.
   *
   * @throws {TenancyError} as {@link Tenancy.resolve} and {@link Tenancy.run}
   * @example
   * await tenancy.serve(nodeRequestView(request), tenant => tenant.slug) // 'acme'
   */
  serve<T>(request: RequestView, fn: (tenant: Tenant) => T): Promise<Awaited<T>>
  /** Why a request is sent where it is sent: what {@link Tenancy.resolve} would decide, and each resolver's answer. */
  explain(request: RequestView): Promise<Trace>
  /** The handle of whichever tenant is current when it is used. */
  handle<Handle>(isolation: Isolation<Handle>): Handle
  /**
   * What a job must carry to be resumed as this tenant: a small piece of JSON with nothing but the id; in an impersonation also who acts
   * in whose place, why and until when.
   *
   * @throws {TenancyError} `TENANT_CONTEXT_MISSING`, `IMPERSONATION_ENDED`
   */
  capture(): TenantEnvelope
  /**
   * Runs a job as the tenant of its envelope, which is looked up and checked again. An impersonation goes on, and ends when it would
   * have; that is written to the audit log again.
   *
   * @throws {TenancyError} `ENVELOPE_INVALID`, `TENANT_NOT_FOUND`, `TENANT_SUSPENDED`, `TENANT_NOT_READY`, `TENANT_SWITCHED`,
   * `IMPERSONATION_ENDED`, `CONFIG_INVALID`
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

/** What a request is served for, and why. */
interface Served {
  readonly tenant: Tenant
  readonly sources: readonly EvidenceSource[]
}

const byRun: Evidence = Object.freeze({ by: 'run' })
const byResume: Evidence = Object.freeze({ by: 'resume' })

function missing(scope: Scope | undefined): TenancyError {
  return new TenancyError('TENANT_CONTEXT_MISSING', { scope: scope === undefined ? 'none' : 'system' })
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
  const parts = { context, events, logger, audit: options.audit }
  const system = systemWork(parts)
  const impersonation = impersonations(parts, admit)

  function present(): Scope | undefined {
    const scope = context.scope()
    assertLasts(scope)
    return scope
  }

  const revoked = revocations(registry, { ...chain, drain })

  function maybeCurrent(): Tenant | undefined {
    const scope = present()
    return scope?.kind === 'tenant' ? scope.tenant : undefined
  }

  function current(): Tenant {
    const scope = present()
    if (scope?.kind !== 'tenant') throw missing(scope)
    revoked.check(scope.tenant)
    return scope.tenant
  }

  function evidence(): Evidence {
    const scope = present()
    if (scope?.kind === 'tenant') return scope.evidence
    if (scope === undefined || scope.isOver()) throw missing(scope)
    const { actor, reason } = scope.access
    return Object.freeze({ by: 'system', actor, reason })
  }

  function admit(tenant: Tenant): Tenant {
    const snapshot = snapshotOf(tenant)
    assertServable(snapshot, `id ${snapshot.id}`, chain)
    revoked.admit(snapshot)
    return snapshot
  }

  function enter<T>(tenant: Tenant, by: Evidence, fn: () => T): T {
    present()
    return context.enter({ kind: 'tenant', tenant: admit(tenant), evidence: by }, fn)
  }

  function run<T>(tenant: Tenant, fn: () => T): T {
    return enter(tenant, byRun, fn)
  }

  function capture(): TenantEnvelope {
    const tenant = current().id
    const by = evidence()
    if (by.by !== 'impersonation') return { v: 1, tenant }
    const { actor, as, reason, until } = by
    return { v: 2, tenant, impersonation: { actor, as, reason, until } }
  }

  async function decided(request: RequestView): Promise<Served> {
    // The query may carry credentials, so only the path is logged.
    const asked = { target: request.target.split(/[?#]/, 1)[0], host: request.header('host')[0] }
    const { tenant, sources, error, trace } = await decide(chain, request).catch((broken: unknown) => {
      logger.error({ event: 'tenancy.failed', ...asked }, 'A resolver or the registry broke.')
      throw broken
    })
    if (error !== undefined) {
      logger.warn({ event: 'tenancy.refused', ...asked, ...trace }, error.message)
      events.emit('refused', { trace })
      if (trace.outcome === 'ambiguous') await disagreed(trace)
      throw error
    }
    if (trace.outcome === 'defaulted') {
      logger.info({ event: 'tenancy.defaulted', ...trace }, trace.reason)
      events.emit('defaulted', { trace })
    } else {
      events.emit('resolved', { trace })
    }
    return { tenant, sources }
  }

  /** Whoever has a credential of one tenant and names another is an attacker or a mistake; both must be known. */
  async function disagreed({ steps, code }: Trace): Promise<void> {
    const named = steps.filter(step => step.trust !== undefined)
    const sources = named.map(({ by, tenant = null, credential = null }) => ({ by, tenant, credential }))
    await options.audit?.audit({
      action: 'request.refused',
      actor: 'a request',
      details: { code: code ?? null, sources },
    })
  }

  async function serve<T>(request: RequestView, fn: (tenant: Tenant) => T): Promise<Awaited<T>> {
    const { tenant, sources } = await decided(request)
    return await enter(tenant, Object.freeze({ by: 'request', sources }), () => fn(tenant))
  }

  async function resume<T>(envelope: unknown, fn: () => T): Promise<Awaited<T>> {
    const job = readEnvelope(envelope)
    const id = job.tenant
    const tenant = await findTenant(registry, { kind: 'id', value: id })
    if (tenant === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${id}` })
    if (job.v === 2) return impersonation.resume(tenant, job.impersonation, fn)
    return await enter(tenant, byResume, fn)
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
    evidence,
    ...system,
    impersonate: impersonation.impersonate,
    bind: context.bind,
    resolve: async request => (await decided(request)).tenant,
    serve,
    explain: async request => (await decide(chain, request)).trace,
    handle: isolation => isolation.handle(current),
    capture,
    resume,
    forEach,
    on: events.on,
  }
}
