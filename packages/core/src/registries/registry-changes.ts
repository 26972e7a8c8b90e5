import type { TenantKey, TenantRegistry } from '../registry.ts'

/** A tenant was made, changed or removed. Carries names only, never what is in the record. */
export interface RegistryChange {
  readonly id: string
  /** Its version since; a removed tenant has one more than its last. */
  readonly version: number
  /** The keys that lead to it, or did before: its slugs and domains, also those that are new. */
  readonly keys: readonly TenantKey[]
}

/** What hears of changes. */
export interface ChangeListener {
  changed(change: RegistryChange): void
  /** Changes may have been missed, such as while a connection was down: nothing that was known before is to be believed. */
  missed(): void
}

/** How processes tell each other of changes: the port that Redis and Postgres fill in. A hint, which makes a cache right sooner. */
export interface ChangeBus {
  /** Short and stable, such as `redis`; stands in logs. */
  readonly name: string
  /** Tells every process. Absent where the store itself does, in the transaction of the change. */
  publish?(change: RegistryChange): Promise<void>
  /**
   * Hears of every change from now on. Stays subscribed while the other side comes and goes, and calls `missed` after each gap.
   *
   * @returns what ends it.
   */
  subscribe(listener: ChangeListener): Promise<() => Promise<void>>
}

/** A registry that says when a tenant has changed, as a cache does. A tenancy over one ends the work of tenants that are no longer active. */
export interface WatchedRegistry extends TenantRegistry {
  /** Told once {@link TenantRegistry.find} no longer answers with what was before. Returns a function that stops it. */
  onChange(listener: ChangeListener): () => void
}
