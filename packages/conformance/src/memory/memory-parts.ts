import { type Erasure, TenancyError, type Tenant, type TenantSource } from '@tenantry/core'
import type { MemoryPool } from './memory-pool.ts'
import type { Connection, MemoryServer } from './memory-server.ts'

/** How a unit of work ends. */
export type Ending = 'success' | 'throw' | 'timeout' | 'disconnect'

/** A connection that a unit of work holds, and whose it is. */
export interface Lease {
  readonly tenant: Tenant
  readonly connection: Connection
  readonly pool: MemoryPool
  readonly server: MemoryServer
  open: boolean
}

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
  /** Makes a lease dead. */
  revoke(lease: Lease): void
  /** What becomes of the connection. */
  readonly endings: Readonly<Record<Ending, (lease: Lease) => Promise<void>>>
  provision(server: MemoryServer, tenant: Tenant): void
  deprovision(server: MemoryServer, tenant: Tenant): Erasure['erased']
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
  revoke(lease) {
    lease.open = false
  },
  endings: {
    async success({ pool, connection }) {
      await connection.send({ do: 'commit' })
      pool.release(connection)
    },
    async throw({ pool, connection }) {
      await connection.send({ do: 'rollback' })
      pool.release(connection)
    },
    timeout: destroy,
    disconnect: destroy,
  },
  provision() {
    // Rows of all tenants stand in one table, which is there already.
  },
  deprovision: (server, { id }) => [{ kind: 'rows', name: 'notes', count: server.erase(row => row.tenant === id) }],
}
