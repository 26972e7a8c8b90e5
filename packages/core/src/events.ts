import type { ImpersonationEvidence, SystemAccess } from './evidence.ts'
import type { Trace } from './trace.ts'

/** What a tenancy tells its listeners. */
export interface TenancyEvents {
  /** A request was sent to a tenant by a verified source. */
  resolved: { readonly trace: Trace }
  /** A request was served by the default tenant. */
  defaulted: { readonly trace: Trace }
  /** A request was refused. */
  refused: { readonly trace: Trace }
  /** The system scope was entered; `from` is the tenant whose unit of work it was entered from. */
  system: SystemAccess & { readonly from?: string }
  /** Somebody acts in the place of somebody else. */
  impersonation: ImpersonationEvidence & { readonly tenant: string }
}

/** Hears one kind of event. Runs synchronously, in the context of what caused it. */
export type Listener<K extends keyof TenancyEvents> = (event: TenancyEvents[K]) => void

/** The listeners of a tenancy. */
export interface Events {
  on<K extends keyof TenancyEvents>(kind: K, listener: Listener<K>): () => void
  emit<K extends keyof TenancyEvents>(kind: K, event: TenancyEvents[K]): void
}

/** @param onError - told when a listener throws: a broken listener must not change what happens to a request. */
export function createEvents(onError: (error: unknown, kind: keyof TenancyEvents) => void): Events {
  const listeners: { [K in keyof TenancyEvents]: Set<Listener<K>> } = {
    resolved: new Set(),
    defaulted: new Set(),
    refused: new Set(),
    system: new Set(),
    impersonation: new Set(),
  }
  return {
    on(kind, listener) {
      listeners[kind].add(listener)
      return () => void listeners[kind].delete(listener)
    },
    emit(kind, event) {
      for (const listener of listeners[kind]) {
        try {
          const result: unknown = listener(event)
          // An async listener fails later, where nobody would hear of it but the process.
          if (result instanceof Promise) result.catch((error: unknown) => onError(error, kind))
        } catch (error) {
          onError(error, kind)
        }
      }
    },
  }
}
