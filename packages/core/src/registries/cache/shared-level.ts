import { isTenancyError, TenancyError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { TenantKey } from '../../registry.ts'
import type { Tenant } from '../../tenant.ts'
import { within } from '../../within.ts'
import type { RegistryChange } from '../registry-changes.ts'
import type { SharedEntries } from '../shared-entries.ts'
import { readSharedTenant, writeSharedTenant } from './shared-tenant.ts'

/** The second level of a cache, which may be down. */
export interface SharedLevel {
  readonly name: string
  /** Never throws: what cannot be had is not there. */
  get(key: TenantKey): Promise<{ readonly tenant?: Tenant; readonly ticket?: string }>
  /** Goes on behind the caller's back; what fails is logged. */
  put(tenant: Tenant, keys: readonly TenantKey[], ticket: string): void
  /** @throws what the shared cache throws. */
  purge(change: RegistryChange): Promise<void>
}

/** Milliseconds that a request waits for the shared cache; the registry answers as soon as that. */
const patience = 250
/** Milliseconds that it is left alone after it has failed: a cache that hangs must not hang in every request. */
const rest = 1_000

export function sharedLevel(entries: SharedEntries, logger: Logger): SharedLevel {
  let restsUntil = 0

  function failed(action: string, error: unknown): void {
    // An entry that is not believed says nothing of the others.
    if (!isTenancyError(error) || error.code !== 'CONFIG_INVALID') restsUntil = performance.now() + rest
    const reason = error instanceof Error ? error.message : 'unknown'
    logger.warn(
      { event: 'registry.shared', cache: entries.name, action, reason },
      'The shared cache of tenants failed; the registry is asked.',
    )
  }

  return {
    name: entries.name,
    async get(key) {
      if (performance.now() < restsUntil) return {}
      let ticket: string | undefined
      try {
        const answer = await within(patience, () => entries.get(key))
        ticket = answer.ticket
        if (answer.text !== undefined) return { ticket, tenant: readSharedTenant(entries.name, key, answer.text) }
      } catch (error) {
        failed('get', error)
      }
      // With the ticket of an entry that is not believed, a good one takes its place.
      return ticket === undefined ? {} : { ticket }
    },
    put(tenant, keys, ticket) {
      const { id, version } = tenant
      const put = async () => {
        const texts = keys.map(key => ({ key, text: writeSharedTenant(key, tenant) }))
        await within(patience, () => entries.put({ id, version, entries: texts, ticket }))
      }
      put().catch(error => failed('put', error))
    },
    purge: change => entries.purge(change),
  }
}

/** The longest that an entry may be shared, in milliseconds: with the process's own it makes the bound that is promised. */
const longestTtl = 25_000

/** @throws {TenancyError} `ARGUMENT_INVALID` */
export function checkShared({ ttl }: SharedEntries): void {
  if (Number.isInteger(ttl) && ttl >= 1 && ttl <= longestTtl) return
  throw new TenancyError('ARGUMENT_INVALID', {
    field: 'shared.ttl',
    rule: `must be a whole number from 1 to ${longestTtl}`,
  })
}
