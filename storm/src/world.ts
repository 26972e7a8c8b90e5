import { AsyncResource } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTenancy, type Isolation, type Logger, memoryRegistry, type Tenancy, type Tenant } from '@tenantry/core'
import type { TenantClient, TenantPool } from '@tenantry/pg'
import { pgRls } from '@tenantry/pg-rls'
import type { FreshDatabase } from '@tenantry/servers'
import pg from 'pg'
import { type CapturedTokens, createCapturedTokens } from './captured-tokens.ts'
import { createTenantRows, type TenantRows } from './model.ts'
import type { Mutant } from './mutant.ts'
import { migrate, sealKey } from './schema.ts'
import { createTally, type Tally } from './tally.ts'

export type SealChoice = 'none' | 'stamp' | 'challenge'
export type Route = 'direct' | 'pgbouncer'

/** Options of {@link createWorld}. */
export interface WorldOptions {
  /** Its `runtimeUrl` leads through the pooler where the route says so. */
  readonly database: FreshDatabase
  readonly seal: SealChoice
  readonly route: Route
  readonly namedStatements: boolean
  /** Default 200. */
  readonly tenants?: number
  /** Something that is broken on purpose. */
  readonly mutant?: Mutant | undefined
}

/** Everything that a storm rages in. */
export interface World {
  readonly seal: SealChoice
  readonly route: Route
  readonly tenants: readonly Tenant[]
  readonly rows: ReadonlyMap<Tenant, TenantRows>
  readonly tenancy: Tenancy
  /** Of whichever tenant is current. */
  readonly db: TenantPool
  readonly pool: pg.Pool
  /** The connections of the pool. */
  readonly clients: ReadonlySet<pg.Client>
  /** Superuser, past the pooler. */
  readonly admin: pg.Pool
  readonly runtimeRole: string
  readonly tally: Tally
  readonly captured: CapturedTokens
  /** Leases in use, for others to lay hands on. */
  readonly lent: Set<{ readonly tenant: string; readonly client: TenantClient }>
  /** Runs something outside every tenant context. */
  outside<T>(work: () => T): T
  /** Ends what is connected as the runtime role. */
  disconnect(): Promise<void>
  close(): Promise<void>
}

/** Connections of the pool. Behind the pooler there are more of them than server connections, so that they share. */
const connections = { direct: 20, pgbouncer: 32 } as const

const rowsEach = 6

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

export async function createWorld(options: WorldOptions): Promise<World> {
  const { database, seal, route, mutant } = options
  const registry = memoryRegistry()
  const tenants = Array.from({ length: options.tenants ?? 200 }, (_, at) =>
    registry.add({ id: tenantId(at), slug: `tenant-${at}`, name: `Tenant ${at}` }),
  )
  const rows = new Map(tenants.map(tenant => [tenant, createTenantRows(rowsEach)]))
  await migrate(database, seal, new Map([...rows].map(([tenant, model]) => [tenant, model.known()])))
  const admin = new pg.Pool({ connectionString: database.adminUrl, max: 2 })
  // A pool has ended before its sockets are closed; dropping the database then ends them in its own way.
  admin.on('error', () => undefined)
  for (const text of (await mutant?.statements?.(admin)) ?? []) await admin.query(text)

  const connectionString = mutant?.asOwner === true ? database.ownerUrl : database.runtimeUrl
  const pool = new pg.Pool({ connectionString, max: connections[route] })
  const clients = new Set<pg.Client>()
  // Not at `connect`: Tenantry takes a listener there for one that sets connections up.
  pool.on('acquire', given => {
    const client = given as pg.Client
    if (!clients.has(client)) mutant?.onConnect?.(client)
    clients.add(client)
  })
  pool.on('remove', client => void clients.delete(client as pg.Client))
  const isolation = pgRls({
    pool,
    seal,
    sealKeys: () => sealKey,
    pooler: route === 'pgbouncer',
    namedStatements: options.namedStatements,
    onUnsafe: mutant === undefined ? 'refuse' : 'report',
    logger: silent,
  })
  await isolation.ready()
  const tenancy = createTenancy({ registry, logger: silent })
  const broken: Isolation<TenantPool> = mutant?.wrap?.(isolation, clients) ?? isolation
  const outside = AsyncResource.bind((work: () => unknown) => work()) as World['outside']

  let ending: Promise<void> | undefined
  function disconnect(): Promise<void> {
    ending ??= isolation.close().then(() => pool.end())
    return ending
  }

  async function close(): Promise<void> {
    // What is stuck keeps its connection; then the database is dropped under it.
    await Promise.race([disconnect(), sleep(2000)])
    await admin.end()
  }
  return {
    ...{ seal, route, tenants, rows, tenancy, pool, clients, admin, outside, disconnect },
    db: tenancy.handle(broken),
    runtimeRole: mutant?.asOwner === true ? database.ownerRole : database.runtimeRole,
    tally: createTally(),
    captured: createCapturedTokens(),
    lent: new Set(),
    close,
  }
}

/** Ids that begin like others, are UUIDs, or are as long as an id may be. */
function tenantId(at: number): string {
  switch (at % 4) {
    case 0:
      return `t${at}`
    case 1:
      return `t${at - 1}_${at}`
    case 2:
      return `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`
    default:
      return `${'long-'.repeat(12)}${String(at).padStart(4, '_')}`
  }
}
