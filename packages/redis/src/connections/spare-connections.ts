import { checkWholeNumbers, TenancyError, type Tenant } from '@tenantry/core'
import type { Cluster, Command, Redis } from 'ioredis'
import { isCluster, optionsOf } from './check-client.ts'

/** Options of {@link spareConnections}. */
export interface SpareOptions {
  /** How many there may be at once. Default 10. */
  readonly max?: number
  /** How many of them one tenant may have, so that others find some. Default half of them. */
  readonly perTenant?: number
  /** For how many milliseconds a command waits for one. Default 10 000. */
  readonly wait?: number
}

/** Connections for commands that block, so that they hold up nobody else. */
export interface SpareConnections {
  /** @throws {TenancyError} `POOL_EXHAUSTED` when all are in use for longer than `wait`. */
  send(tenant: Tenant, client: Redis | Cluster, command: Command): Promise<unknown>
  /** Closes those of a client that is closed: that of an erased user would try to log in for ever. */
  leave(client: Redis | Cluster): void
  close(): void
}

interface Spare {
  readonly of: Redis | Cluster
  readonly connection: Redis | Cluster
  /** The tenant that has it now. */
  user: string | undefined
}

interface Waiter {
  readonly tenant: string
  readonly wake: () => void
}

/** At most so many connections, shared fairly among tenants, made when they are needed and kept; an unused one makes room for that of another client. */
export function spareConnections({
  max = 10,
  perTenant = Math.ceil(max / 2),
  wait = 10_000,
}: SpareOptions): SpareConnections {
  checkWholeNumbers({ max, perTenant, wait })
  const spares = new Set<Spare>()
  const queue: Waiter[] = []
  let isClosed = false

  function hasRoom(tenant: string): boolean {
    return [...spares].filter(({ user }) => user === tenant).length < perTenant
  }

  function take(tenant: string, client: Redis | Cluster): Spare | undefined {
    if (!hasRoom(tenant)) return undefined
    const unused = [...spares].filter(({ user }) => user === undefined)
    const there = unused.find(spare => spare.of === client)
    if (there !== undefined) {
      there.user = tenant
      return there
    }
    if (spares.size >= max) {
      const [oldest] = unused
      if (oldest === undefined) return undefined
      drop(oldest)
    }
    const connection: Redis | Cluster = isCluster(client) ? client.duplicate() : client.duplicate()
    // Whoever waits for the answer hears of it.
    connection.on('error', () => undefined)
    const spare: Spare = { of: client, connection, user: tenant }
    spares.add(spare)
    return spare
  }

  function drop(spare: Spare): void {
    spares.delete(spare)
    spare.connection.disconnect()
  }

  async function acquire(tenant: Tenant, client: Redis | Cluster): Promise<Spare> {
    const since = performance.now()
    for (let isFirst = false; ; isFirst = true) {
      if (isClosed) throw new TenancyError('SCOPE_CLOSED', { what: 'The isolation' })
      // Whoever came first is served first, but for a tenant that has its share already.
      const isNext = isFirst || !queue.some(waiter => hasRoom(waiter.tenant))
      const spare = isNext ? take(tenant.id, client) : undefined
      if (spare !== undefined) return spare
      const left = wait - (performance.now() - since)
      if (left <= 0 || !(await woken(tenant.id, left, isFirst))) {
        const waited = Math.round(performance.now() - since)
        throw new TenancyError('POOL_EXHAUSTED', { tenant: tenant.id, waited, retryAfter: 1, limit: 'budget' })
      }
    }
  }

  function woken(tenant: string, patience: number, isFirst: boolean): Promise<boolean> {
    return new Promise(resolve => {
      const end = (isAwake: boolean) => {
        clearTimeout(timer)
        queue.splice(queue.indexOf(waiter), 1)
        resolve(isAwake)
      }
      const waiter: Waiter = { tenant, wake: () => end(true) }
      const timer = setTimeout(() => end(false), patience)
      if (isFirst) queue.unshift(waiter)
      else queue.push(waiter)
    })
  }

  function wakeNext(): void {
    queue.find(waiter => hasRoom(waiter.tenant))?.wake()
  }

  return {
    async send(tenant, client, command) {
      const spare = await acquire(tenant, client)
      try {
        // A failure is on `command.promise`, which is what is returned.
        spare.connection.sendCommand(command)
        const answer: unknown = await command.promise
        // ioredis gave up waiting by itself, and the server waits on: the next one's command would stand behind this one.
        if (answer === null && optionsOf(client).blockingTimeout !== undefined) drop(spare)
        else spare.user = undefined
        return answer
      } catch (error) {
        // What it still waits for would be the next one's answer (threats C9).
        drop(spare)
        throw error
      } finally {
        wakeNext()
      }
    },
    leave(client) {
      for (const spare of [...spares]) if (spare.of === client) drop(spare)
      wakeNext()
    },
    close() {
      isClosed = true
      for (const spare of [...spares]) drop(spare)
      for (const waiter of [...queue]) waiter.wake()
    },
  }
}
