import type { TenantRedis } from '@tenantry/redis'

/** How many requests a tenant has made within the present minute, this one included, and how many seconds are left of it. */
export interface Usage {
  readonly count: number
  readonly secondsLeft: number
}

const windowSeconds = 60

/** Counts a request of the current tenant. A minute begins with its first request. */
export async function countRequest(redis: TenantRedis): Promise<Usage> {
  const answers = await redis.multi().set('quota', 0, 'EX', windowSeconds, 'NX').incr('quota').ttl('quota').exec()
  const failure = answers?.find(([error]) => error !== null)?.[0]
  if (failure) throw failure
  const [count, secondsLeft] = [answers?.[1]?.[1], answers?.[2]?.[1]]
  // Without a count there is no limit, so that there is no answer either.
  if (typeof count !== 'number' || typeof secondsLeft !== 'number')
    throw new Error('Redis has not counted the request.')
  return { count, secondsLeft: Math.max(secondsLeft, 1) }
}
