import type { Isolation, Tenant } from '@tenantry/core'
import type { TenantClient, TenantPool } from '@tenantry/pg'
import type pg from 'pg'
import { rls } from '../isolations/rls/rls.ts'
import type { Mutant } from '../mutant.ts'

// Mutants of what stands around the connection: who is the tenant, who holds the client, whose result is it.

type Around = (handle: TenantPool, clients: ReadonlySet<pg.Client>) => Partial<TenantPool>

/** An isolation whose handles do something differently. */
function around(isolation: Isolation<TenantPool>, clients: ReadonlySet<pg.Client>, change: Around) {
  return {
    ...isolation,
    handle(source: () => Tenant): TenantPool {
      const handle = isolation.handle(source)
      return { ...handle, ...change(handle, clients) } as TenantPool
    },
  }
}

type AnyQuery = (...args: unknown[]) => Promise<pg.QueryResult>

/** A lease that goes on with the client itself when it is released. */
async function keptClient({ connect }: TenantPool, clients: ReadonlySet<pg.Client>): Promise<TenantClient> {
  const lease = await connect()
  const { rows } = await lease.query('select pg_backend_pid() as pid')
  const client = [...clients].find(one => (one as pg.Client & { processID: number }).processID === rows[0]?.pid)
  if (client === undefined) throw new Error('The client of the lease is not known.')
  let released = false
  return {
    ...lease,
    query: (...args: unknown[]) => ((released ? client.query.bind(client) : lease.query) as AnyQuery)(...args),
    release(error?: Error | boolean) {
      released = true
      lease.release(error)
    },
  } as TenantClient
}

export const aroundMutants: readonly Mutant[] = [
  {
    name: 'tenant-cached',
    what: 'the tenant is asked once and remembered',
    kind: rls('none'),
    wrap(isolation) {
      let first: Tenant | undefined
      return {
        ...isolation,
        handle: source =>
          isolation.handle(() => {
            first ??= source()
            return first
          }),
      }
    },
  },
  {
    name: 'kept-client',
    what: 'a lease that was released works on',
    kind: rls('none'),
    wrap: (isolation, { clients }) =>
      around(isolation, clients, handle => ({
        connect: ((callback?: unknown) =>
          callback === undefined
            ? keptClient(handle, clients)
            : (handle.connect as (given: unknown) => void)(callback)) as TenantPool['connect'],
      })),
  },
  {
    name: 'result-cached',
    what: 'results are remembered by text and values, without the tenant',
    kind: rls('none'),
    wrap(isolation, { clients }) {
      const results = new Map<string, Promise<pg.QueryResult>>()
      return around(isolation, clients, handle => ({
        query: ((...args: unknown[]) => {
          const query = handle.query as AnyQuery
          const key = JSON.stringify(args)
          if (!/^\W*"?(?:text":")?select/.test(key) || typeof args.at(-1) === 'function') return query(...args)
          const known = results.get(key) ?? query(...args)
          results.set(key, known)
          return known
        }) as TenantPool['query'],
      }))
    },
  },
  {
    name: 'callbacks-batched',
    what: 'callbacks run in the context of whoever came first',
    kind: rls('none'),
    wrap(isolation, { clients }) {
      let waiting: (() => void)[] = []
      return around(isolation, clients, handle => ({
        query: ((...args: unknown[]) => {
          const query = handle.query as AnyQuery
          const callback = args.at(-1)
          if (typeof callback !== 'function') return query(...args)
          return query(...args.slice(0, -1), (...answer: unknown[]) => {
            waiting.push(() => callback(...answer))
            if (waiting.length > 1) return
            setTimeout(() => {
              const batch = waiting
              waiting = []
              for (const call of batch) call()
            }, 20)
          })
        }) as TenantPool['query'],
      }))
    },
  },
]
