import type { TenantKey } from '../registry.ts'
import type { RegistryChange } from './registry-changes.ts'

/** What a shared cache has for a key. */
export interface SharedAnswer {
  /** What was put for this very key, unchanged. Absent when there is nothing, or when a higher version was seen since. */
  readonly text?: string
  /** When it was asked, by the shared cache's own clock. Goes back with {@link SharedEntries.put}. */
  readonly ticket: string
}

/** A tenant for several keys. */
export interface SharedPut {
  readonly id: string
  readonly version: number
  readonly entries: readonly { readonly key: TenantKey; readonly text: string }[]
  /** Of the answer before the registry was asked. */
  readonly ticket: string
}

/**
 * A cache that processes share, behind their own: the port that Redis fills in. It keeps texts, and knows versions; what the texts mean
 * is checked by whoever reads them.
 *
 * What it throws is logged, and the registry asked instead: correct, only slower.
 */
export interface SharedEntries {
  /** Short and stable, such as `redis`; stands in logs. */
  readonly name: string
  /** Milliseconds after its ticket at which an entry is gone, whatever was missed. At most 25,000. */
  readonly ttl: number
  get(key: TenantKey): Promise<SharedAnswer>
  /** Puts nothing when a higher version of the tenant was seen, or when the ticket is older than {@link SharedEntries.ttl}. */
  put(put: SharedPut): Promise<void>
  /** Forgets the tenant, and remembers its version for longer than any ticket from before lasts. */
  purge(change: RegistryChange): Promise<void>
}
