import {
  type CachedRegistry,
  cachedRegistry,
  createLifecycle,
  createTenancy,
  type Isolation,
  type Lifecycle,
  type Logger,
  path,
  type Tenancy,
} from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import { aesKeys, type PostgresRegistry, postgresRegistry } from '@tenantry/pg/registry'
import { pgRls } from '@tenantry/pg-rls'
import { redisChanges, redisSharedEntries } from '@tenantry/redis'
import type { Redis } from 'ioredis'
import type pg from 'pg'
import { shared } from './migrate.ts'
import { type SigningKeys, signingKeys } from './signing-keys.ts'

/** What a process of Porta connects to. Opened and closed by the caller. */
export interface PlatformOptions {
  /** Of the role that serves requests. */
  readonly pool: pg.Pool
  /** Of the role that raises the fence; at least two connections. */
  readonly fencePool: pg.Pool
  /** Of the registry's role. */
  readonly registryPool: pg.Pool
  readonly redis: Redis
  /** Tells this deployment's keys from others of the same Redis. */
  readonly namespace: string
  /** 32 bytes that signing keys are encrypted with. */
  readonly registryKey: Uint8Array
  readonly logger: Logger
}

/** Organizations, and what keeps them apart. */
export interface Platform {
  readonly tenancy: Tenancy
  readonly store: PostgresRegistry
  readonly cache: CachedRegistry
  readonly lifecycle: Lifecycle
  readonly keys: SigningKeys
  readonly isolation: Isolation<TenantPool>
  /** The rows of whichever organization is current. */
  readonly rows: TenantPool
  close(): Promise<void>
}

/** Puts the registry, its cache, the tenancy, the isolation and the life cycle together. */
export async function openPlatform(options: PlatformOptions): Promise<Platform> {
  const { pool, fencePool, registryPool, redis, namespace, registryKey, logger } = options
  const store = postgresRegistry({ pool: registryPool, keys: aesKeys(registryKey), logger })
  const subscriber = redis.duplicate()
  const cache = cachedRegistry(store, {
    shared: redisSharedEntries({ client: redis, namespace }),
    buses: [redisChanges({ client: redis, subscriber, namespace, logger })],
    logger,
  })
  const isolation = pgRls({ pool, shared: [...shared], fence: { pool: fencePool }, logger })
  await Promise.all([store.ready(), cache.ready(), isolation.ready()])

  const tenancy = createTenancy({ registry: cache, resolvers: [path()], audit: store, drain: 0, logger })
  const keys = signingKeys(store)
  // What foreign keys of everything else lead to. Erased with the other rows, behind them.
  const anchor = {
    name: 'organization',
    provision: async (tenant: Parameters<typeof isolation.provision>[0]) => {
      await isolation.handle(() => tenant).query('insert into organizations default values on conflict do nothing')
    },
  }
  const lifecycle = createLifecycle({
    store,
    participants: [isolation, anchor, keys.participant],
    announce: cache.announce,
    drain: 1000,
    logger,
  })
  const stop = lifecycle.watch()
  return {
    ...{ tenancy, store, cache, lifecycle, keys, isolation },
    rows: tenancy.handle(isolation),
    async close() {
      await stop()
      await cache.close()
      await isolation.close()
      subscriber.disconnect()
    },
  }
}
