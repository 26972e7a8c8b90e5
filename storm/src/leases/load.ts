import { setTimeout as sleep } from 'node:timers/promises'
import type { Isolation, Tenant } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import { errorCode } from '../error-code.ts'
import { tagOf } from '../turn.ts'

/** One request that failed. */
export interface Failed {
  readonly code: string
  readonly error: unknown
  readonly tenant: string
  /** On the clock of `performance.now()`. */
  readonly begun: number
  readonly ended: number
  /** Whether the tenant had a lease when it failed. */
  readonly live: boolean
}

/** Requests of many tenants, one after another. */
export interface Load {
  readonly requests: () => number
  readonly transactions: () => number
  /** Ends it, and resolves when the last request has ended. */
  stop(): Promise<void>
}

/** What a load is of. */
export interface LoadTerms {
  readonly isolation: Isolation<TenantPool>
  /** Whoever may be served now. */
  tenants(): readonly Tenant[]
  isLive(tenant: Tenant): boolean
  failed(failure: Failed): void
  /** An answer that must not be. */
  complain(problem: string): void
}

const workers = 24
/** Of the requests: transactions that take up to a second. */
const long = 0.03

export function startLoad({ isolation, tenants, isLive, failed, complain }: LoadTerms): Load {
  let requests = 0
  let transactions = 0
  let over = false

  async function statement(tenant: Tenant): Promise<void> {
    const { rows } = await isolation.handle(() => tenant).query('select tag from notes')
    if (rows.length !== 6 || rows.some(({ tag }) => tag !== tagOf(tenant)))
      complain(`${tenant.id} got ${JSON.stringify(rows.slice(0, 3))}`)
  }

  async function transaction(tenant: Tenant): Promise<void> {
    transactions += 1
    const client = await isolation.handle(() => tenant).connect()
    try {
      await client.query('begin')
      await client.query('select pg_sleep($1)', [Math.random()])
      await client.query('update notes set version = version + 1 where id = 1')
      await client.query('commit')
    } finally {
      client.release()
    }
  }

  async function work(): Promise<void> {
    while (!over) {
      const tenant = pick(tenants())
      const begun = performance.now()
      try {
        await (Math.random() < long ? transaction(tenant) : statement(tenant))
      } catch (error) {
        const ended = performance.now()
        failed({ code: errorCode(error), error, tenant: tenant.id, begun, ended, live: isLive(tenant) })
        // Whoever is told to come again does not do so at once.
        await sleep(20)
      }
      requests += 1
      await sleep(Math.random() * 20)
    }
  }

  const works = Promise.all(Array.from({ length: workers }, work))
  return {
    requests: () => requests,
    transactions: () => transactions,
    async stop() {
      over = true
      await works
    },
  }
}

export function pick<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)] as T
}
