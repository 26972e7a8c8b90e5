import { AsyncResource } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Erasure, type Holding, TenancyError, type Tenant, type TenantSource } from '@tenantry/core'
import type { MemoryPool } from './memory-pool.ts'
import type { Connection, MemoryServer } from './memory-server.ts'
import type { Result, Statement } from './statement.ts'

/** How a unit of work ends. */
export type Ending = 'success' | 'throw' | 'timeout' | 'limit' | 'cancel' | 'disconnect' | 'kill'

/** A connection that a unit of work holds, and whose it is. */
export interface Lease {
  readonly tenant: Tenant
  readonly connection: Connection
  readonly pool: MemoryPool
  readonly server: MemoryServer
  open: boolean
}

type Done = (error: unknown, result?: Result) => void

/** What keeps tenants apart in the memory isolation, rule by rule. A canary replaces one. */
export interface MemoryParts {
  /** Whose a statement or a unit of work is, asked before anything is sent. */
  ask(source: TenantSource): Tenant
  /** Whose tenant is set for a single statement, once it has a connection. */
  ofStatement(asked: Tenant): Tenant
  /** Whose tenant is set for each statement of a unit of work. */
  ofUnit(leased: Tenant): Tenant
  /** Refuses a statement of a unit of work in the context of another tenant. */
  recheck(source: TenantSource, leased: Tenant): void
  /** What is sent of what is asked for; refuses what would stay in the session. */
  pass(statement: Statement): Statement
  /** A callback as it is called, so that it runs in the context of whoever handed it in. */
  callBack(done: Done): Done
  /** Refuses to work once the isolation is closed. */
  refuseClosed(closed: boolean): void
  /** Makes a lease dead. */
  revoke(lease: Lease, after: 'success' | 'throw'): void
  /** What becomes of the connection. */
  readonly endings: Readonly<Record<Ending, (lease: Lease) => Promise<void>>>
  provision(server: MemoryServer, tenant: Tenant): void
  deprovision(server: MemoryServer, tenant: Tenant): Erasure['erased']
  /** Has the server refuse the tenant. */
  fence(server: MemoryServer, tenant: Tenant): void
  /** Waits until nothing of the tenant is under way, and ends it at the deadline. */
  drain(server: MemoryServer, tenant: Tenant, deadline: number): Promise<void>
  inventory(server: MemoryServer, tenant: Tenant): readonly Holding[]
}

async function undo({ pool, connection }: Lease): Promise<void> {
  await connection.send({ do: 'rollback' })
  pool.release(connection)
}

async function destroy({ pool, connection }: Lease): Promise<void> {
  pool.destroy(connection)
}

/** Each rule as it must be. */
export const safeParts: MemoryParts = {
  ask: source => source(),
  ofStatement: asked => asked,
  ofUnit: leased => leased,
  recheck(source, leased) {
    const { id } = source()
    if (id !== leased.id) throw new TenancyError('SCOPE_MISMATCH', { lease: leased.id, current: id })
  },
  pass(statement) {
    if (statement.do !== 'keep') return statement
    const reason = 'it would stay in the session, which other tenants use next'
    throw new TenancyError('STATEMENT_REFUSED', { statement: `A ${statement.what}`, reason, advice: 'Do without.' })
  },
  callBack: done => AsyncResource.bind(done),
  refuseClosed(closed) {
    if (closed) throw new TenancyError('SCOPE_CLOSED', { what: 'The memory isolation' })
  },
  revoke(lease) {
    lease.open = false
  },
  endings: {
    async success({ pool, connection }) {
      await connection.send({ do: 'commit' })
      pool.release(connection)
    },
    throw: undo,
    limit: undo,
    cancel: undo,
    timeout: destroy,
    disconnect: destroy,
    kill: destroy,
  },
  provision() {
    // Rows of all tenants stand in one table, which is there already.
  },
  deprovision: (server, { id }) => [{ kind: 'rows', name: 'notes', count: server.erase(row => row.tenant === id) }],
  fence: (server, { id }) => server.fence(id, true),
  async drain(server, { id }, deadline) {
    const end = performance.now() + deadline
    while (server.inside(id) > 0) {
      if (performance.now() >= end) server.expel(id)
      else await sleep(1)
    }
  },
  inventory(server, { id }) {
    const count = server.everything().filter(row => row.tenant === id).length
    return count === 0 ? [] : [{ kind: 'rows', name: 'notes', count }]
  },
}
