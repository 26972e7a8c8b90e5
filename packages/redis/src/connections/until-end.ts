import { TenancyError } from '@tenantry/core'
import type { Redis } from 'ioredis'

const waiting = new WeakMap<Redis, Set<(error: Error) => void>>()

/**
 * Work with a client, which fails at the latest when the client ends: the driver forgets commands that it would have sent again, where
 * it could not log in any more, and whoever sent them would wait for ever.
 */
export function untilEnd<T>(client: Redis, work: (client: Redis) => Promise<T>): Promise<T> {
  const those = waiting.get(client) ?? listen(client)
  return new Promise((resolve, reject) => {
    those.add(reject)
    const leave = () => those.delete(reject)
    const done = (async () => work(client))()
    done.then(resolve, reject).then(leave, leave)
  })
}

function listen(client: Redis): Set<(error: Error) => void> {
  const those = new Set<(error: Error) => void>()
  waiting.set(client, those)
  client.on('end', () => {
    // The driver's own answers, which are more exact, go first.
    setImmediate(() => {
      for (const refuse of those) refuse(new TenancyError('CONNECTION_LOST', { reason: 'Connection is closed.' }))
    })
  })
  return those
}
