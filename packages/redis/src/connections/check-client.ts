import { TenancyError } from '@tenantry/core'
import { type Cluster, Redis, type RedisOptions } from 'ioredis'

/** What every connection of tenants must have. */
export interface Demands {
  /** Refuses a client without TLS. Default `false`. */
  readonly requireTls?: boolean
  /** Refuses a client without a password. Default `false`. */
  readonly requireAuth?: boolean
}

/** The options by which a client logs in; of a cluster those for its nodes. */
export function optionsOf(client: Redis | Cluster): RedisOptions {
  return isCluster(client) ? (client.options.redisOptions ?? {}) : client.options
}

export function isCluster(client: Redis | Cluster): client is Cluster {
  return 'isCluster' in client && client.isCluster === true
}

/**
 * Refuses a client that could not be kept apart, or is not as safe as it must be.
 *
 * @throws {TenancyError} `CONFIG_INVALID` with everything that is wrong, and no secret.
 */
export function checkClient(client: unknown, name: string, { requireTls = false, requireAuth = false }: Demands): void {
  const problems: string[] = []
  if (!isClient(client)) problems.push('is no client of ioredis')
  else {
    const options = optionsOf(client)
    // ioredis does not put it in front of everything (patterns, channels), and answers would hold it.
    if (options.keyPrefix || client.options.keyPrefix)
      problems.push('has a keyPrefix; give "namespace" to the isolation instead')
    if (options.replyMapping === 'resp3') problems.push('has replyMapping "resp3"; leave it at "legacy"')
    if (requireTls && options.tls === undefined) problems.push('has no TLS, which is required')
    if (requireAuth && !options.password) problems.push('has no password, which is required')
  }
  if (problems.length > 0) {
    throw new TenancyError('CONFIG_INVALID', { source: `The Redis client "${name}"`, problems })
  }
}

function isClient(client: unknown): client is Redis | Cluster {
  return (
    client instanceof Redis ||
    (typeof client === 'object' && client !== null && 'sendCommand' in client && 'duplicate' in client)
  )
}
