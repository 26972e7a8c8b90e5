// A process of its own: a server with a cache, which serves tenants until it is told, or finds, that they are suspended.
import { setTimeout as sleep } from 'node:timers/promises'
import { cachedRegistry, createTenancy, host, isTenancyError, type Logger, type RequestView } from '@tenantry/core'
import { postgresRegistry, registryChanges } from '@tenantry/pg/registry'
import { redisChanges, redisSharedEntries } from '@tenantry/redis'
import { Redis } from 'ioredis'
import pg from 'pg'
import type { Opening, Serve, Word } from './messages.ts'

/** How often a host is asked for, and for how long behind its refusal, in milliseconds. */
const pause = 2
const afterwards = 300

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const say = (word: Word): void => void process.send?.(word)
let resolve: (request: RequestView) => Promise<unknown>

async function open({ registry, redis, way }: Opening): Promise<void> {
  const store = postgresRegistry({ pool: new pg.Pool({ connectionString: registry, max: 2 }) })
  const client = new Redis(redis, { retryStrategy: () => 100 })
  const subscriber = client.duplicate()
  for (const each of [client, subscriber]) each.on('error', () => undefined)
  const buses = {
    redis: () => [redisChanges({ client, subscriber, logger: quiet })],
    postgres: () => [registryChanges({ connect: () => new pg.Client(registry), logger: quiet })],
    none: () => [],
  }[way]()
  const shared = way === 'postgres' ? {} : { shared: redisSharedEntries({ client }) }
  const cache = cachedRegistry(store, { ...shared, buses, logger: quiet })
  await cache.ready()
  ;({ resolve } = createTenancy({
    registry: cache,
    resolvers: [host({ baseDomains: ['example.com'] })],
    logger: quiet,
  }))
  say({ kind: 'open' })
}

async function ask(name: string): Promise<string> {
  try {
    await resolve({ target: '/', header: header => (header === 'host' ? [`${name}.example.com`] : []) })
    return 'served'
  } catch (error) {
    return isTenancyError(error) ? error.code : String(error)
  }
}

async function serve({ hosts }: Serve): Promise<void> {
  for (const each of hosts) {
    const answer = await ask(each)
    if (answer !== 'served') throw new Error(`${each} is not served at all: ${answer}`)
  }
  say({ kind: 'serving' })
  const left = new Set(hosts)
  const refused = new Map<string, number>()
  while (left.size > 0) {
    for (const each of left) {
      const answer = await ask(each)
      const at = Date.now()
      const since = refused.get(each)
      if (since === undefined && answer !== 'served') {
        refused.set(each, at)
        say({ kind: 'refused', host: each, at, code: answer })
      } else if (since !== undefined && answer === 'served') say({ kind: 'relapse', host: each })
      if (since !== undefined && at - since > afterwards) left.delete(each)
    }
    await sleep(pause)
  }
}

process.on('message', (message: Opening | Serve) => {
  void (message.kind === 'open' ? open(message) : serve(message)).catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})
// Whoever started it has gone.
process.on('disconnect', () => process.exit())
