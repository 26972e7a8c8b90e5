import { type Claims, type Isolation, TenancyError, type TenantSource } from '@tenantry/core'
import { type Ending, type Lease, type MemoryParts, safeParts } from './memory-parts.ts'
import { memoryPool } from './memory-pool.ts'
import { type Connection, type MemoryServer, memoryServer } from './memory-server.ts'
import { isStoreError, type Result, type Statement, storeError } from './statement.ts'

/** Sends one statement. `patience` is in milliseconds: after it the client gives up. */
export type MemoryQuery = (statement: Statement, patience?: number) => Promise<Result>

/** What a unit of work uses. */
export interface MemoryHandle {
  readonly query: MemoryQuery
  transaction<T>(work: (query: MemoryQuery) => Promise<T>): Promise<T>
}

/** Options of {@link memoryIsolation}. */
export interface MemoryIsolationOptions {
  /** Default one of its own. */
  readonly server?: MemoryServer
  /** How many connections all tenants share. Default 2. */
  readonly connections?: number
  /** Rules to replace, for canaries. Default none: {@link safeParts}. */
  readonly parts?: Partial<MemoryParts>
}

const claims: Claims = { sharedStore: true, enforced: true, pooled: true, transactions: true }

function endingOf(error: unknown): Ending {
  if (isStoreError(error, '57014')) return 'timeout'
  return isStoreError(error, '57P01') ? 'disconnect' : 'throw'
}

async function patiently(answer: Promise<Result>, patience: number | undefined): Promise<Result> {
  if (patience === undefined) return answer
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(storeError('57014', `no answer within ${patience} ms`)), patience)
  })
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}

/**
 * The reference isolation: shared rows in a memory server, told apart by a policy of the server, over a few pooled
 * connections. Small enough to be read whole before writing an adapter.
 */
export function memoryIsolation(options: MemoryIsolationOptions = {}): Isolation<MemoryHandle> {
  const { server = memoryServer(), connections = 2 } = options
  const parts: MemoryParts = { ...safeParts, ...options.parts }
  const pool = memoryPool(server, connections)

  async function scoped(connection: Connection, id: string, statement: Statement, patience?: number): Promise<Result> {
    return patiently(connection.send({ do: 'set', tenant: id, until: 'transaction' }, statement), patience)
  }

  // A single statement is a unit of work whose transaction is its own round trip, so there is nothing to end.
  async function single(source: TenantSource, statement: Statement, patience?: number): Promise<Result> {
    const asked = parts.ask(source)
    const connection = await pool.acquire()
    try {
      const result = await scoped(connection, parts.ofStatement(asked).id, statement, patience)
      pool.release(connection)
      return result
    } catch (error) {
      if (endingOf(error) === 'throw') pool.release(connection)
      else pool.destroy(connection)
      throw error
    }
  }

  async function transaction<T>(source: TenantSource, work: (query: MemoryQuery) => Promise<T>): Promise<T> {
    const tenant = parts.ask(source)
    const lease: Lease = { tenant, connection: await pool.acquire(), pool, server, open: true }
    let fault: { readonly error: unknown } | undefined

    async function query(statement: Statement, patience?: number): Promise<Result> {
      if (!lease.open) throw new TenancyError('SCOPE_CLOSED', { what: 'A unit of work' })
      parts.recheck(source, tenant)
      try {
        return await scoped(lease.connection, parts.ofUnit(tenant).id, statement, patience)
      } catch (error) {
        if (endingOf(error) !== 'throw') fault = { error }
        throw error
      }
    }

    try {
      await lease.connection.send({ do: 'begin' })
      const result = await work(query)
      if (fault !== undefined) throw fault.error
      parts.revoke(lease)
      await parts.endings.success(lease)
      return result
    } catch (error) {
      parts.revoke(lease)
      await parts.endings[endingOf(fault?.error ?? error)](lease)
      throw error
    }
  }

  return {
    name: 'memory',
    claims,
    handle: source => ({
      query: (statement, patience) => single(source, statement, patience),
      transaction: work => transaction(source, work),
    }),
    ready: async () => undefined,
    provision: async tenant => parts.provision(server, tenant),
    deprovision: async tenant => ({ tenant: tenant.id, erased: parts.deprovision(server, tenant) }),
    verify: async () => [],
    health: async () => ({ ok: true, latency: 0 }),
    close: async () => pool.close(),
  }
}
