import { afterAll, beforeAll, describe, inject } from 'vitest'
import { type RedisServer, type StartRedisOptions, startRedis } from '../redis/start-redis.ts'
import type {} from './provided-redis.ts'

/** The server of one `describeRedis`. Use it in hooks and tests, not while collecting. */
export interface RedisForTests {
  /** Nobody else's, and empty at first. */
  readonly server: RedisServer
  /** One more; stopped at the end. */
  another(options?: StartRedisOptions): Promise<RedisServer>
}

/**
 * A `describe` with a real Redis of its own. Where there can be none, it is skipped, and its name says why.
 *
 * @throws Error in a vitest project that has no Redis: such files are named `*.redis.test.ts`.
 * @example
 * describeRedis('notes', redis => {
 *   it('answers', async () => {
 *     const client = new Redis(redis.server.url)
 *   })
 * })
 */
export const describeRedis = (name: string, tests: (redis: RedisForTests) => void): void => {
  const provided = inject('tenantryRedis')
  if (!provided) throw new Error('This vitest project has no Redis: name the file *.redis.test.ts.')
  const servers: RedisServer[] = []
  const another = async (options?: StartRedisOptions): Promise<RedisServer> => {
    const server = await startRedis(options)
    servers.push(server)
    return server
  }
  const redis: RedisForTests = {
    get server() {
      const [first] = servers
      if (!first) throw new Error('The server is there in hooks and tests only.')
      return first
    },
    another,
  }
  if (provided.missing !== undefined) {
    describe.skip(`${name} [skipped: ${provided.missing}]`, () => tests(redis))
    return
  }
  describe(name, () => {
    beforeAll(async () => {
      await another()
    })
    afterAll(async () => {
      for (const server of servers.splice(0).reverse()) await server.stop()
    })
    tests(redis)
  })
}
