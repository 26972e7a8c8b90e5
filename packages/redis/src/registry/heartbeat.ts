import type { Logger } from '@tenantry/core'
import type { Redis } from 'ioredis'

/**
 * Connects a subscriber again that is silent because nobody is there, and not because there is nothing to say.
 *
 * @param pause - milliseconds between two signs of life, and for which the answer to one is waited.
 */
export function heartbeat(subscriber: Redis, pause: number, logger: Logger): { end(): void } {
  let isWaiting = false
  const answered = () => {
    isWaiting = false
  }

  function beat(): void {
    const { status } = subscriber
    // In any other state ioredis is about to connect, and has a timeout for it. A greeting that is not answered has none.
    if (status !== 'ready' && status !== 'connect') return
    if (isWaiting) {
      isWaiting = false
      logger.warn({ event: 'registry.changes', bus: 'redis' }, 'The connection is dead; it is opened again.')
      subscriber.disconnect(true)
      return
    }
    isWaiting = true
    // One that fails has ended with its connection.
    if (status === 'ready') subscriber.ping().then(answered, answered)
  }

  subscriber.on('ready', answered)
  const timer = setInterval(beat, pause).unref()
  return {
    end() {
      clearInterval(timer)
      subscriber.off('ready', answered)
    },
  }
}
