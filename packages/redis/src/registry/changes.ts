import {
  type ChangeBus,
  type ChangeListener,
  checkWholeNumbers,
  consoleLogger,
  type Logger,
  TenancyError,
} from '@tenantry/core'
import type { Cluster, Redis } from 'ioredis'
import { heartbeat } from './heartbeat.ts'
import { readChange } from './read-change.ts'
import { type RegistryPlace, registryClient, registryPrefix } from './registry-client.ts'

/** Options of {@link redisChanges}. */
export interface RedisChangesOptions extends RegistryPlace {
  /** Publishes. Of the application, and of no tenant. Yours: you close it. */
  readonly client: Redis | Cluster
  /** Hears; a client of its own, which can do nothing else then: `client.duplicate()`. Yours: you close it. */
  readonly subscriber: Redis
  /** Milliseconds between two signs of life of the subscriber's connection. Default 5,000. */
  readonly heartbeat?: number
  /** Default: warnings and errors as JSON lines on standard error. */
  readonly logger?: Logger
}

/**
 * Tells other processes of changes by a channel of Redis. A hint: what is published while a process is not connected is lost to it, so
 * that it forgets everything when it is connected again. A connection that is dead without saying so is noticed at the second heartbeat.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`, `CONFIG_INVALID`. `publish` and `subscribe` reject with `DATABASE_UNAVAILABLE`,
 * `CONNECTION_LOST`.
 * @example
 * const bus = redisChanges({ client, subscriber: client.duplicate() })
 * const registry = cachedRegistry(store, { buses: [bus] })
 */
export function redisChanges(options: RedisChangesOptions): ChangeBus {
  const { client, subscriber, heartbeat: pause = 5_000, logger = consoleLogger } = options
  checkWholeNumbers({ heartbeat: pause })
  if (subscriber === client) {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'subscriber', rule: 'must be a client of its own' })
  }
  const channel = `${registryPrefix(options)}changes`
  const use = registryClient<Redis | Cluster>(client, 'client')
  const hear = registryClient(subscriber, 'subscriber')
  const listeners = new Set<ChangeListener>()
  let beat: { end(): void } | undefined

  function missed(): void {
    for (const listener of listeners) listener.missed()
  }

  function onMessage(from: string, text: string): void {
    if (from !== channel) return
    const change = readChange(text)
    if (change !== undefined) {
      for (const listener of listeners) listener.changed(change)
      return
    }
    logger.warn({ event: 'registry.changes', bus: 'redis' }, 'A message is not the word of a change; all is forgotten.')
    missed()
  }

  // ioredis subscribes again by itself at some time. What is lost before that is known only to whoever asks when it is done.
  function onReady(): void {
    hear(connection => connection.subscribe(channel)).then(missed, (error: Error) => {
      logger.warn({ event: 'registry.changes', bus: 'redis', reason: error.message }, 'The channel is not heard.')
      // A connection that does not hear is none.
      subscriber.disconnect(true)
    })
  }

  async function begin(): Promise<void> {
    subscriber.on('message', onMessage)
    await hear(connection => connection.subscribe(channel))
    subscriber.on('ready', onReady)
    beat = heartbeat(subscriber, pause, logger)
  }

  async function end(): Promise<void> {
    beat?.end()
    subscriber.off('message', onMessage)
    subscriber.off('ready', onReady)
    if (subscriber.status === 'ready') await hear(connection => connection.unsubscribe(channel))
  }

  return {
    name: 'redis',
    async publish({ id, version, keys }) {
      await use(connection => connection.publish(channel, JSON.stringify({ id, version, keys })))
    },
    async subscribe(listener) {
      listeners.add(listener)
      try {
        if (listeners.size === 1) await begin()
      } catch (error) {
        listeners.delete(listener)
        if (listeners.size === 0) await end()
        throw error
      }
      return async () => {
        if (listeners.delete(listener) && listeners.size === 0) await end()
      }
    },
  }
}
