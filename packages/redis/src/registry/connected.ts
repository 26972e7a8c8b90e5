import { TenancyError } from '@tenantry/core'
import type { Cluster, Redis } from 'ioredis'

/** Milliseconds that a client which is about to connect for the first time is waited for. */
const patience = 2_000

/**
 * Resolves when a client is connected. One that has lost its connection is not waited for: it would keep the command, and send it when
 * nobody wants it any more.
 *
 * @throws {TenancyError} `DATABASE_UNAVAILABLE`
 */
export async function connected(client: Redis | Cluster): Promise<void> {
  if (client.status === 'ready') return
  if (!['wait', 'connecting', 'connect'].includes(client.status)) throw unavailable()
  // What it rejects with is heard of by its end, too.
  if (client.status === 'wait') client.connect().catch(() => undefined)
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(fail, patience)
    function stop(): void {
      clearTimeout(timer)
      client.off('ready', succeed).off('close', fail).off('end', fail)
    }
    function succeed(): void {
      stop()
      resolve()
    }
    function fail(): void {
      stop()
      reject(unavailable())
    }
    client.on('ready', succeed).on('close', fail).on('end', fail)
  })
}

function unavailable(): TenancyError {
  return new TenancyError('DATABASE_UNAVAILABLE', { reason: 'no connection to Redis' })
}
