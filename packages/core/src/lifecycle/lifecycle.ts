import type { Logger } from '../logger.ts'
import type { RegistryChange } from '../registries/registry-changes.ts'
import type { Tenant } from '../tenant.ts'
import type { TenantInput } from '../tenant-input.ts'
import type { ChangeAccess, LifecycleAccess } from './access.ts'
import type { DestroyPreview, DestroyReport } from './destroy-report.ts'
import type { LifecycleHook } from './hook.ts'
import type { Participant } from './participant.ts'
import type { Reconciled, ReconcileOptions } from './reconcile.ts'
import type { Operation, TenantStore } from './tenant-store.ts'

/** Options of {@link createLifecycle}. */
export interface LifecycleOptions {
  readonly store: TenantStore
  /** What takes part, in the order in which a tenant is made; an erasure goes the other way. Isolations are participants. Default none. */
  readonly participants?: readonly Participant[]
  /** What the application says to operations, asked in this order. Default none. */
  readonly hooks?: readonly LifecycleHook[]
  /**
   * Told of each change of a tenant's record, such as `cache.announce`. What it throws is logged: the change holds, and caches learn of it
   * within their bound. Default nobody is told.
   */
  readonly announce?: (change: RegistryChange) => Promise<void>
  /** Milliseconds that work under way may still take when a tenant is suspended or archived; then servers end it. Default 5,000. */
  readonly drain?: number
  /**
   * Milliseconds that a suspension waits before it says that it is done, for stores whose server cannot refuse a tenant: as long as any
   * process may still serve it (`cache.bound` and the tenancy's `drain`). Default 0.
   */
  readonly settle?: number
  /** Milliseconds after which another process may take over the operation of one that gives no sign of life. Default 10,000. */
  readonly lease?: number
  /** Milliseconds that a caller waits for an operation that another process works on, and that a hook's `after` may take. Default 60,000. */
  readonly patience?: number
  /** Whether archived tenants may be restored. Default `false`: archived is for ever (P13). */
  readonly allowRestore?: boolean
  /** Default: warnings and errors as JSON lines on standard error. */
  readonly logger?: Logger
}

/** What a new tenant is to be. */
export type NewTenant = Omit<TenantInput, 'status'> & {
  /** `false`: the tenant is made and stays `provisioning` until {@link Lifecycle.activate}. Default `true`. */
  readonly activate?: boolean
}

/**
 * The life of tenants: every operation is journalled step by step, so that a process that dies in the middle loses nothing; whoever calls
 * {@link Lifecycle.reconcile} goes on.
 *
 * All throw `TENANT_NOT_FOUND`, `TRANSITION_REFUSED`, `OPERATION_UNDERWAY`, `VERSION_CONFLICT`, `IDEMPOTENCY_CONFLICT`,
 * `ARGUMENT_INVALID`, and what a hook refuses with: nothing was changed then. `OPERATION_FAILED`: it was undone.
 * `OPERATION_INCOMPLETE`: what is left is done by `reconcile`.
 */
export interface Lifecycle {
  /**
   * Makes a tenant: its record, then its part in each participant; active at the end.
   *
   * @throws {TenancyError} besides: `INPUT_INVALID`, `TENANT_EXISTS`
   * @example
   * await lifecycle.create({ slug: 'acme', name: 'Acme' }, { actor: 'ops', key: 'order-42' })
   */
  create(input: NewTenant, access: LifecycleAccess): Promise<Tenant>
  /**
   * The tenant of this slug, active; made when there is none, and made again when that has failed. For the default and the control tenant
   * at every start (T10, P21).
   *
   * @throws {TenancyError} besides: `INPUT_INVALID`; `TENANT_EXISTS` when it is the default or the control tenant and was not to be, or
   * the other way round; `TRANSITION_REFUSED` for one that is suspended, archived or not active yet.
   * @example
   * await lifecycle.ensure({ slug: 'main', name: 'Main', isDefault: true }, { actor: 'start' })
   */
  ensure(input: NewTenant, access: Omit<LifecycleAccess, 'key'>): Promise<Tenant>
  /** Serves a tenant that was made and not activated. */
  activate(id: string, access: ChangeAccess): Promise<Tenant>
  /**
   * Refuses a tenant until it is resumed: first in the record, then in each store. Resolves when nothing of it is under way. Waits for no
   * hook that an earlier operation could not tell.
   */
  suspend(id: string, access: ChangeAccess): Promise<Tenant>
  resume(id: string, access: ChangeAccess): Promise<Tenant>
  /** Refuses a tenant for ever. Its data stays until {@link Lifecycle.destroy}. */
  archive(id: string, access: ChangeAccess): Promise<Tenant>
  /** Serves an archived tenant again, where `allowRestore` says so. */
  restore(id: string, access: ChangeAccess): Promise<Tenant>
  /** Makes a tenant whose creation has failed; active at the end, if it was to be. */
  retry(id: string, access: ChangeAccess): Promise<Tenant>
  /** Changes the slug, the name, or both. A former slug is never given to another tenant. */
  rename(id: string, names: { readonly slug?: string; readonly name?: string }, access: ChangeAccess): Promise<Tenant>
  /** Sets all domains of a tenant; the first is the primary one. */
  setDomains(id: string, domains: readonly string[], access: ChangeAccess): Promise<Tenant>
  /** Sets all settings of a tenant. */
  setSettings(id: string, settings: Tenant['settings'], access: ChangeAccess): Promise<Tenant>
  /** What {@link Lifecycle.destroy} would erase, counted. Changes nothing. */
  preview(id: string): Promise<DestroyPreview>
  /**
   * Erases an archived tenant, or one that could not be made, and proves that nothing is left. Its id, its slugs and its storage keys are
   * never given to another.
   *
   * @param access - `confirm` must be the tenant's slug.
   * @throws {TenancyError} besides: `CONFIRMATION_REQUIRED`; `OPERATION_INCOMPLETE` because of `ERASURE_UNPROVEN`
   * @example
   * const { proved } = await lifecycle.destroy(acme.id, { actor: 'ops', reason: 'contract ended', confirm: 'acme' })
   */
  destroy(id: string, access: ChangeAccess & { readonly confirm: string }): Promise<DestroyReport>
  /** Goes on with operations that nobody works on, from any process; with several at once, each is done by one. */
  reconcile(options?: ReconcileOptions): Promise<Reconciled>
  /**
   * Reconciles every so many milliseconds (default 30,000) from now on.
   *
   * @returns what ends it.
   */
  watch(every?: number): () => Promise<void>
  /** What was done to a tenant, the newest first, also behind its end; at most `limit` operations (default 100). */
  history(id: string, limit?: number): Promise<readonly Operation[]>
}
