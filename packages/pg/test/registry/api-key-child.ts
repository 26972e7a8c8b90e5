// Run by identity.pg.test.ts: a process that serves a key, until it does no more.
import { setTimeout as sleep } from 'node:timers/promises'
import { cachedRegistry, createTenancy, isTenancyError } from '@tenantry/core'
import { apiKey, cachedApiKeys } from '@tenantry/identity'
import pg from 'pg'
import { postgresRegistry, registryChanges } from '../../src/registry/index.ts'

/** What the process is to do. */
export interface ApiKeyOrder {
  readonly url: string
  readonly key: string
  /** Whether it hears of changes; if not, it has the bound alone. */
  readonly hears: boolean
  readonly bound: number
}

/** What it says: that it serves, and when and how that ended, in milliseconds since 1970. */
export type ApiKeyWord =
  | { readonly kind: 'serving' }
  | { readonly kind: 'refused'; readonly at: number; readonly code: string }

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const say = (word: ApiKeyWord): void => void process.send?.(word)

process.once('message', async ({ url, key, hears, bound }: ApiKeyOrder) => {
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  const store = postgresRegistry({ pool, logger: silent })
  const changes = registryChanges({ connect: () => new pg.Client(url), logger: silent })
  const registry = cachedRegistry(store, { buses: hears ? [changes] : [], logger: silent })
  await registry.ready()
  const keys = cachedApiKeys({ store: store.apiKeys, registry, bound, logger: silent })
  const tenancy = createTenancy({ registry, resolvers: [apiKey({ keys })], logger: silent })
  const view = { target: '/', header: (name: string) => (name === 'x-api-key' ? [key] : []) }
  await tenancy.resolve(view)
  say({ kind: 'serving' })
  for (;;) {
    try {
      await tenancy.resolve(view)
      await sleep(1)
    } catch (error) {
      say({ kind: 'refused', at: Date.now(), code: isTenancyError(error) ? error.code : String(error) })
      break
    }
  }
  await keys.close()
  await registry.close()
  await changes.close()
  await pool.end()
  process.disconnect()
})
// Whoever started it has gone.
process.on('disconnect', () => setImmediate(() => process.exit()))
