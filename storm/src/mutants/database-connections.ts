import type { Tenant } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import type { PgDatabase } from '@tenantry/pg-database'
import type pg from 'pg'
import { database } from '../isolations/database/database.ts'
import type { Mutant } from '../mutant.ts'
import { tagOf } from '../turn.ts'
import { identityUnasked } from './identity-unasked.ts'

// Mutants of what leads to a tenant's database, and of what is asked there.

/** What of a client says where it connects to, and as whom. */
interface Address {
  host: string
  port: number
  user: string
  password: string
  database: string
  readonly connectionParameters: { host: string; port: number; user: string; password: string; database: string }
}

type AnyQuery = (...args: unknown[]) => Promise<pg.QueryResult>

/** A lease after whose end a transaction is open on its connection. */
function leavingTransactions(handle: TenantPool, clients: ReadonlySet<pg.Client>): Pick<TenantPool, 'connect'> {
  async function connect() {
    const lease = await handle.connect()
    const { rows } = await lease.query('select pg_backend_pid() as pid')
    const client = [...clients].find(one => (one as pg.Client & { processID: number }).processID === rows[0]?.pid)
    return {
      ...lease,
      release(error?: Error | boolean) {
        lease.release(error)
        // The connection is somebody else's now, or will be.
        client?.query('begin').catch(() => undefined)
      },
    }
  }
  const given = ((callback?: unknown) =>
    callback === undefined ? connect() : (handle.connect as unknown as AnyQuery)(callback)) as TenantPool['connect']
  return { connect: given }
}

/** An isolation whose handles work for another tenant than the one that is current. */
function confusing(isolation: PgDatabase, instead: (tenant: Tenant) => Tenant): PgDatabase {
  return { ...isolation, handle: source => isolation.handle(() => instead(source())) }
}

export const databaseConnectionMutants: readonly Mutant[] = [
  {
    name: 'identity-not-asked',
    what: "nobody asks for the identity, and another tenant's backup was restored into a database",
    kind: database,
    database: {
      ...identityUnasked(),
      async spoil(estate, tenants) {
        for (const [at, tenant] of tenants.entries()) {
          const other = tenants[at + 1]
          if (at % 10 !== 0 || other === undefined) continue
          await estate.at(tenant).inside(`${tenant.placement.database}`, async client => {
            await client.query('update notes set tag = $1', [tagOf(other)])
            await client.query('update tenantry.identity set tenant = $1', [other.id])
          })
        }
      },
    },
  },
  {
    name: 'connection-handed-on',
    what: 'now and then a new connection is the one that another tenant had before, and nobody asks whose it is',
    kind: database,
    get database() {
      const identity = identityUnasked()
      const keys = ['host', 'port', 'user', 'password', 'database'] as const
      let before: Pick<Address, (typeof keys)[number]> | undefined
      let opened = 0
      return {
        ...identity,
        opening(client: pg.Client) {
          identity.opening(client)
          const address = client as unknown as Address
          const own = { ...Object.fromEntries(keys.map(key => [key, address[key]])) } as typeof before
          if (before !== undefined && ++opened % 20 === 0) {
            Object.assign(address, before)
            Object.assign(address.connectionParameters, before)
          }
          before = own
        },
      }
    },
  },
  {
    name: 'routes-by-slug',
    what: 'the ways to databases are kept by the first letters of the slug',
    kind: database,
    database: {
      wrap(isolation) {
        const known = new Map<string, Tenant>()
        return confusing(isolation, tenant => {
          const key = tenant.slug.slice(0, 8)
          const first = known.get(key) ?? tenant
          known.set(key, first)
          return first
        })
      },
    },
  },
  {
    name: 'placement-before',
    what: 'who has moved is looked for where they were first',
    kind: database,
    database: {
      wrap(isolation) {
        const known = new Map<string, Tenant['placement']>()
        return confusing(isolation, tenant => {
          const placement = known.get(tenant.id) ?? tenant.placement
          known.set(tenant.id, placement)
          return { ...tenant, placement }
        })
      },
    },
  },
  {
    name: 'left-in-a-transaction',
    what: 'a connection is given back, and a transaction is opened on it',
    kind: database,
    database: {
      wrap: (isolation, clients) => ({
        ...isolation,
        handle(source) {
          const handle = isolation.handle(source)
          return { ...handle, ...leavingTransactions(handle, clients) }
        },
      }),
    },
  },
]
