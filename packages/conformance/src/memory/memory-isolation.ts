import { type Claims, type Isolation, TenancyError, type Tenant, type TenantSource } from '@tenantry/core'
import { type Ending, type Lease, type MemoryParts, safeParts } from './memory-parts.ts'
import { memoryPool } from './memory-pool.ts'
import { type Connection, type MemoryServer, memoryServer } from './memory-server.ts'
import { isStoreError, type Result, type Statement, storeError } from './statement.ts'

/** Sends one statement. `patience` is in milliseconds: after it the client gives up. */
export type MemoryQuery = (statement: Statement, patience?: number) => Promise<Result>

/** What a unit of work uses. */
export interface MemoryHandle {
  readonly query: MemoryQuery
  /** The same with a callback, as older drivers have it. */
  call(statement: Statement, done: (error: unknown, result?: Result) => void): void
  /** `connection` is the server's end of it, for tests that cause faults. */
  transaction<T>(work: (query: MemoryQuery, connection: Connection) => Promise<T>): Promise<T>
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

const claims: Claims = { sharedStore: true, enforced: true, pooled: true, transactions: true, objects: false }

const endings = {
  GAVE_UP: 'timeout',
  '57014': 'cancel',
  '25P04': 'limit',
  '57P01': 'disconnect',
  '57P05': 'kill',
} as const

function endingOf(error: unknown): Ending {
  for (const code of ['GAVE_UP', '57014', '25P04', '57P01', '57P05'] as const) {
    if (isStoreError(error, code)) return endings[code]
  }
  return 'throw'
}

async function patiently(answer: Promise<Result>, patience: number | undefined): Promise<Result> {
  if (patience === undefined) return answer
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(storeError('GAVE_UP', `no answer within ${patience} ms`)), patience)
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

  let closed = false

  function enter(source: TenantSource): Tenant {
    parts.refuseClosed(closed)
    return parts.ask(source)
  }

  async function scoped(connection: Connection, id: string, statement: Statement, patience?: number): Promise<Result> {
    const passed = parts.pass(statement)
    try {
      return await patiently(connection.send({ do: 'set', tenant: id, until: 'transaction' }, passed), patience)
    } catch (error) {
      throw isStoreError(error, 'SUSPENDED') ? new TenancyError('TENANT_SUSPENDED', { tenant: id }) : error
    }
  }

  // A single statement is a unit of work whose transaction is its own round trip, so there is nothing to end.
  async function single(source: TenantSource, statement: Statement, patience?: number): Promise<Result> {
    const asked = enter(source)
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

  async function transaction<T>(
    source: TenantSource,
    work: (query: MemoryQuery, connection: Connection) => Promise<T>,
  ): Promise<T> {
    const tenant = enter(source)
    const lease: Lease = { tenant, connection: await pool.acquire(), pool, server, open: true }
    let fault: { readonly error: unknown } | undefined

    async function query(statement: Statement, patience?: number): Promise<Result> {
      if (!lease.open) throw new TenancyError('SCOPE_CLOSED', { what: 'A unit of work' })
      parts.refuseClosed(closed)
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
      const result = await work(query, lease.connection)
      if (fault !== undefined) throw fault.error
      parts.revoke(lease, 'success')
      await parts.endings.success(lease)
      return result
    } catch (error) {
      parts.revoke(lease, 'throw')
      await parts.endings[endingOf(fault?.error ?? error)](lease)
      throw error
    }
  }

  return {
    name: 'memory',
    claims,
    handle: source => ({
      query: (statement, patience) => single(source, statement, patience),
      call(statement, done) {
        const back = parts.callBack(done)
        single(source, statement).then(
          result => back(undefined, result),
          (error: unknown) => back(error),
        )
      },
      transaction: work => transaction(source, work),
    }),
    ready: async () => undefined,
    provision: async tenant => parts.provision(server, tenant),
    deprovision: async tenant => ({ tenant: tenant.id, erased: parts.deprovision(server, tenant) }),
    async suspend(tenant, deadline) {
      parts.fence(server, tenant)
      await parts.drain(server, tenant, deadline)
    },
    resume: async ({ id }) => server.fence(id, false),
    inventory: async tenant => parts.inventory(server, tenant),
    verify: async () => [],
    health: async () => ({ ok: true, latency: 0 }),
    async close() {
      closed = true
      pool.close()
    },
  }
}
