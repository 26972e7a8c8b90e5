import { type Logger, type StartedTenants, startTenants, type Tenant } from '@tenantry/core'
import { type MongoDatabase, mongoDatabase } from '@tenantry/mongo'
import { type RedisKeyspace, redisKeyspace } from '@tenantry/redis'
import { Redis } from 'ioredis'
import type { Tenants } from './settings.ts'

/** How the stores of tenants are opened. */
export interface StoresOptions {
  readonly tenants: Tenants
  readonly onFailure: 'abort' | 'degrade'
  /** Whether the MongoDB servers have transactions. */
  readonly transactions: boolean
  readonly logger: Logger
}

/** A MongoDB database and a Redis database for each tenant. */
export interface Stores {
  readonly mongo: MongoDatabase
  readonly redis: RedisKeyspace
  readonly started: StartedTenants
  close(): Promise<void>
}

// A server that is down is told within the patience of a caller.
const patience = 2_000

/**
 * Connects every tenant before the application listens (I07–I09, I34).
 *
 * @throws {TenancyError} `FOR_EACH_FAILED` with `abort`, when a tenant's stores cannot be had; nothing stays open then.
 */
export async function openStores({ tenants, onFailure, transactions, logger }: StoresOptions): Promise<Stores> {
  let count = 0
  for await (const _ of tenants.list()) count += 1
  const max = Math.max(count, 1)
  const mongo = mongoDatabase({
    uri: ({ id }) => tenants.config(id).mongo_uri,
    database: ({ id }) => tenants.config(id).mongo_database,
    autoProvision: true,
    indexes: { inferences: [{ key: { at: -1 } }, { key: { model: 1, at: -1 } }] },
    // Nobody's connection makes room for another's: all are there from the start.
    limits: { max, options: { serverSelectionTimeoutMS: patience, connectTimeoutMS: patience } },
    ...{ transactions, logger },
  })
  const redis = redisKeyspace({ open: tenant => openRedis(tenant, tenants, logger), maxClients: max, logger })
  async function close(): Promise<void> {
    await Promise.all([mongo.close(), redis.close()])
  }
  try {
    const parts = [
      { name: 'mongo', connect: mongo.connect },
      { name: 'redis', connect: redis.connect },
    ]
    const started = await startTenants(tenants.list(), parts, { onFailure, logger })
    return { mongo, redis, started, close }
  } catch (error) {
    await close()
    throw error
  }
}

function openRedis({ id }: Tenant, tenants: Tenants, logger: Logger): Redis {
  const { redis_addr, redis_db } = tenants.config(id)
  const client = new Redis({
    host: redis_addr.host,
    port: redis_addr.port,
    db: redis_db,
    connectTimeout: patience,
    maxRetriesPerRequest: 1,
    retryStrategy: attempt => Math.min(attempt * 50, 500),
  })
  client.on('error', ({ name, message }: Error) =>
    logger.warn({ event: 'redis.connection', tenant: id, reason: `${name}: ${message}` }, 'Redis cannot be reached.'),
  )
  return client
}
