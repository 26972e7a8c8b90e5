import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { TenancyError } from './errors.ts'
import type { Evidence } from './evidence.ts'
import type { EnteredSystem } from './system-scope.ts'
import type { Tenant } from './tenant.ts'

/** What a unit of work runs in: a tenant, or the system. Frozen. */
export type Scope = TenantScope | SystemScope

/** A unit of work of a tenant. */
export interface TenantScope {
  readonly kind: 'tenant'
  readonly tenant: Tenant
  readonly evidence: Evidence
  /** Whether its time is over: only an impersonation has an end. */
  readonly isOver?: () => boolean
}

/** Work that belongs to no tenant. */
export interface SystemScope {
  readonly kind: 'system'
  readonly access: EnteredSystem
  readonly isOver: () => boolean
}

/** The tenant context: the only `AsyncLocalStorage`, one for each tenancy. */
export interface Context {
  scope(): Scope | undefined
  enter<T>(scope: Scope, fn: () => T): T
  bind<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R
}

/** Entering a context is always lexical; there is no way to set it for what comes after. */
export function createContext(): Context {
  const storage = new AsyncLocalStorage<Scope>()
  return {
    scope: () => storage.getStore(),
    enter(scope, fn) {
      const outer = storage.getStore()
      if (outer?.kind === 'tenant' && scope.kind === 'tenant' && outer.tenant.id !== scope.tenant.id) {
        throw new TenancyError('TENANT_SWITCHED', { from: outer.tenant.id, to: scope.tenant.id })
      }
      return storage.run(Object.freeze(inside(outer, scope)), () => started(fn()))
    },
    bind: bound,
  }
}

/** As `AsyncResource.bind`, whose deprecated properties take longer to make than all the rest. */
function bound<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
  const resource = new AsyncResource('tenantry')
  return function (this: unknown, ...args) {
    return resource.runInAsyncScope(fn, this, ...args)
  }
}

/** What is entered again stays what it was: else a second entry would take the end of an impersonation away. */
function inside(outer: Scope | undefined, scope: Scope): Scope {
  if (scope.kind === 'system' || outer === undefined) return scope
  if (outer.kind === 'tenant') {
    const { evidence, isOver } = outer
    return { kind: 'tenant', tenant: scope.tenant, evidence, ...(isOver === undefined ? {} : { isOver }) }
  }
  if (scope.evidence.by === 'impersonation') return scope
  const { actor, reason } = outer.access
  return { ...scope, evidence: Object.freeze({ by: 'system', actor, reason }) }
}

/**
 * A query builder is a thenable that does its work when it is awaited, which its caller does outside. It is started here, in the
 * context that it was made in.
 */
function started<T>(result: T): T {
  if (result instanceof Promise || !isThenable(result)) return result
  return new Promise((resolve, reject) => result.then(resolve, reject)) as T
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
