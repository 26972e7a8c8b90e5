import { TenancyError } from '@tenantry/core'
import type { Cluster, Redis } from 'ioredis'
import { checkClient } from '../connections/check-client.ts'
import { coded } from '../redis-error.ts'
import { connected } from './connected.ts'

/** Where the registry's keys and channel are: beside those of tenants, and never among them. */
export interface RegistryPlace {
  /** Tells these keys from other keys of the same server: 1–32 of `[A-Za-z0-9_-]`. Default `tenantry`. */
  readonly namespace?: string
}

/**
 * What the names begin with. No key of a tenant does: those begin with `t:` or `{t:…}:`, and a namespace holds neither colon nor brace.
 * The braces put them into one slot of a cluster, so that a script may use several.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`
 */
export function registryPrefix({ namespace = 'tenantry' }: RegistryPlace): string {
  if (typeof namespace === 'string' && /^[A-Za-z0-9_-]{1,32}$/.test(namespace)) return `{${namespace}}:`
  throw new TenancyError('ARGUMENT_INVALID', { field: 'namespace', rule: 'must be 1–32 of A–Z, a–z, 0–9, "_" and "-"' })
}

/**
 * Work with a client, once it is connected.
 *
 * @throws {TenancyError} `CONFIG_INVALID` for what is no client; what it gives rejects with `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`.
 */
export function registryClient<Client extends Redis | Cluster>(
  client: Client,
  name: string,
): <T>(work: (client: Client) => Promise<T>) => Promise<T> {
  checkClient(client, name, {})
  return async work => {
    await connected(client)
    return coded(work(client))
  }
}
