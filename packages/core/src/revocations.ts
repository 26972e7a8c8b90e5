import { AsyncResource } from 'node:async_hooks'
import { TenancyError } from './errors.ts'
import type { RegistryChange, WatchedRegistry } from './registries/registry-changes.ts'
import type { TenantRegistry } from './registry.ts'
import { assertServable, type ServableOptions } from './servable.ts'
import type { Tenant } from './tenant.ts'

/** Ends the work of tenants that are no longer active, also where it goes on with what was read before. */
export interface Revocations {
  /** @throws {TenancyError} for a snapshot from before its tenant was suspended, archived or removed. */
  admit(tenant: Tenant): void
  /** For work under way, which may go on until its time is over. @throws {TenancyError} */
  check(tenant: Tenant): void
  /** Aborts when {@link Revocations.check} begins to throw. One for all work of a tenant. */
  signal(tenant: Tenant): AbortSignal
}

/** Options of {@link revocations}. */
export interface RevocationOptions extends ServableOptions {
  /** Milliseconds that work under way may still take. 0: none. */
  readonly drain: number
}

/** Why snapshots of a tenant are not served any more. */
interface Revocation {
  /** When it was heard of, in milliseconds of `performance.now()`. */
  readonly since: number
  /** The highest version that was told of. */
  heard: number
  /** Snapshots of lower versions are concerned. */
  upTo: number
  /** `undefined` until the registry has answered. */
  status: Tenant['status'] | undefined
}

/** How long an answer of the registry is enough for work under way, in milliseconds. The registry is a cache, and need not go far. */
const recheck = 5_000
/** Milliseconds that the registry has to say what has changed; and after which it is asked again when it could not. */
const patience = 1_000
/** How many revocations are kept. One that is forgotten is found again when its tenant is looked at. */
const most = 10_000

/** With a registry that does not tell of changes nothing is revoked: tenants are checked when they are resolved and entered. */
export function revocations(registry: TenantRegistry, options: RevocationOptions): Revocations {
  if (!('onChange' in registry)) {
    return { admit: nothing, check: nothing, signal: () => new AbortController().signal }
  }
  return watch(registry as WatchedRegistry, options)
}

function nothing(): void {
  // Nobody says when a tenant has changed.
}

function watch(registry: WatchedRegistry, options: RevocationOptions): Revocations {
  const { drain } = options
  const outside = new AsyncResource('tenantry.revocations')
  const revoked = new Map<string, Revocation>()
  /** Those that were active a moment ago. */
  const fresh = new Set<string>()
  /** The last question for each tenant: the answers of those before say nothing. */
  const asked = new Map<string, symbol>()
  const controllers = new Map<string, AbortController>()

  function revoke(id: string): Revocation {
    fresh.delete(id)
    const before = revoked.get(id)
    if (before !== undefined) return before
    const revocation = { since: performance.now(), heard: 0, upTo: 0, status: undefined }
    revoked.set(id, revocation)
    const [oldest] = revoked.keys()
    if (revoked.size > most && oldest !== undefined) revoked.delete(oldest)
    return revocation
  }

  function changed({ id, version }: Pick<RegistryChange, 'id' | 'version'>): void {
    const revocation = revoke(id)
    revocation.heard = Math.max(revocation.heard, version)
    revocation.upTo = Math.max(revocation.upTo, version)
    // Also when the registry cannot say what has changed: what is not known is not served for ever.
    later(Math.max(drain, patience), () => {
      if (revocation.status === undefined) abort(id, revocation)
    })
    void ask(id)
  }

  function missed(): void {
    fresh.clear()
    // Work that does something is looked at then; of what only waits for its signal nothing would be noticed.
    const waiting = controllers.keys()
    const next = async (): Promise<void> => {
      for (const id of waiting) await ask(id)
    }
    for (let worker = 0; worker < 4; worker++) void next()
  }

  /** Judges at once what is answered at once. Never rejects. */
  async function ask(id: string): Promise<void> {
    const question = Symbol()
    asked.set(id, question)
    try {
      const answer = registry.find({ kind: 'id', value: id })
      judge(id, answer !== undefined && 'then' in answer ? await answer : answer, question)
    } catch {
      again(id, question)
    }
  }

  // Whoever needs the registry is told that it fails. Here it only means that nothing is known yet.
  function again(id: string, question: symbol): void {
    later(patience, () => {
      if (asked.get(id) !== question) return
      asked.delete(id)
      if (revoked.has(id)) void ask(id)
    })
  }

  function judge(id: string, tenant: Tenant | null | undefined, question: symbol): void {
    if (asked.get(id) !== question) return
    const before = revoked.get(id)
    if (tenant && before !== undefined && tenant.version < before.heard) {
      again(id, question)
      return
    }
    asked.delete(id)
    if (tenant?.status === 'active') {
      revoked.delete(id)
      if (fresh.size === 0) later(recheck, () => fresh.clear())
      fresh.add(id)
      return
    }
    const revocation = revoke(id)
    // A tenant that is gone looks like one that was archived.
    revocation.status = tenant?.status ?? 'archived'
    revocation.upTo = Math.max(revocation.upTo, tenant?.version ?? Number.POSITIVE_INFINITY)
    later(revocation.since + drain - performance.now(), () => abort(id, revocation))
  }

  function abort(id: string, revocation: Revocation): void {
    if (revoked.get(id) !== revocation) return
    const controller = controllers.get(id)
    controllers.delete(id)
    // Its listeners must not run as the tenant in whose work it was noticed.
    outside.runInAsyncScope(() => controller?.abort(refusal(id, revocation)))
  }

  function refusal(id: string, { status }: Revocation): unknown {
    if (status === undefined) return new TenancyError('TENANT_NOT_READY', { tenant: id, status: 'unknown' })
    try {
      assertServable({ id, status }, `id ${id}`, options)
    } catch (error) {
      return error
    }
    return undefined
  }

  function isOver({ since, status }: Revocation): boolean {
    return performance.now() >= since + (status === undefined ? Math.max(drain, patience) : drain)
  }

  function look({ id, version }: Tenant): void {
    if (!revoked.has(id) && !asked.has(id)) void ask(id)
    const revocation = revoked.get(id)
    if (revocation !== undefined && version < revocation.upTo && isOver(revocation)) throw refusal(id, revocation)
  }

  registry.onChange({ changed, missed })
  return {
    admit({ id, version }) {
      const revocation = revoked.get(id)
      if (revocation === undefined) return
      // Read since, and active: the word of it has not come.
      if (version > revocation.upTo) revoked.delete(id)
      if (version >= revocation.upTo) return
      if (revocation.status !== undefined || isOver(revocation)) throw refusal(id, revocation)
    },
    check(tenant) {
      if (!fresh.has(tenant.id)) look(tenant)
    },
    signal({ id }) {
      const controller = controllers.get(id) ?? new AbortController()
      controllers.set(id, controller)
      return controller.signal
    },
  }
}

/** A timer that keeps no process alive. */
function later(milliseconds: number, work: () => void): NodeJS.Timeout {
  return setTimeout(work, Math.max(0, milliseconds)).unref()
}
