import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { TenancyError } from './errors.ts'
import type { Tenant } from './tenant.ts'

/** Who looks across tenants, and why. Both are logged. */
export interface SystemAccess {
  readonly actor: string
  readonly reason: string
}

/** What a unit of work runs in: a tenant, or the system. Frozen. */
export type Scope =
  | { readonly kind: 'tenant'; readonly tenant: Tenant }
  | { readonly kind: 'system'; readonly access: SystemAccess }

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
      return storage.run(Object.freeze(scope), () => started(fn()))
    },
    bind: fn => AsyncResource.bind(fn),
  }
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
