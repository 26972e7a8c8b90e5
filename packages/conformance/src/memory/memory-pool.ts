import { TenancyError } from '@tenantry/core'
import type { Connection, MemoryServer } from './memory-server.ts'

/** A few connections, used by all tenants one after another. */
export interface MemoryPool {
  /** Waits for a free connection. The one that was used last comes first. */
  acquire(): Promise<Connection>
  release(connection: Connection): void
  /** Gives a connection up, and its place to a new one. */
  destroy(connection: Connection): void
  /** Gives up what is idle, and hands out nothing more. */
  close(): void
}

/** A pool of `size` connections, opened when they are needed. */
export function memoryPool(server: MemoryServer, size: number): MemoryPool {
  const idle: Connection[] = []
  const waiting: ((connection: Connection) => void)[] = []
  let places = size
  let closed = false

  function hand(connection: Connection): void {
    const next = waiting.shift()
    if (next !== undefined) next(connection)
    else if (closed) connection.close()
    else idle.push(connection)
  }

  return {
    async acquire() {
      if (closed) throw new TenancyError('SCOPE_CLOSED', { what: 'The pool of the memory isolation' })
      const connection = idle.pop()
      if (connection !== undefined) return connection
      if (places === 0) return new Promise(resolve => waiting.push(resolve))
      places -= 1
      return server.connect()
    },
    release: hand,
    destroy(connection) {
      connection.close()
      if (waiting.length > 0) hand(server.connect())
      else places += 1
    },
    close() {
      closed = true
      for (const connection of idle.splice(0)) connection.close()
    },
  }
}
