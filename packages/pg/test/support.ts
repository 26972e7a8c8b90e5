import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { isTenancyError, memoryRegistry } from '@tenantry/core'
import type { FreshDatabase } from '@tenantry/servers'
import type { PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'
import { scopedPool, type TenantClient, type TenantPool } from '../src/index.ts'
import { createTap, type Tap } from './tap.ts'

/** A cursor of pg-cursor, which comes without types. */
export interface Cursor extends pg.Submittable {
  read(rows: number): Promise<Record<string, unknown>[]>
  read(rows: number, callback: (error: Error | undefined, rows: Record<string, unknown>[]) => void): void
  close(): Promise<void>
  close(callback: () => void): void
  on(event: string, listener: (...args: never[]) => void): this
}

export const Cursor: new (text: string, values?: unknown[], config?: { types?: pg.CustomTypesConfig }) => Cursor =
  createRequire(import.meta.url)('pg-cursor')

/** A connection that was left is kept for this turn of the event loop; then the pool has it. */
export const turn = (): Promise<unknown> => new Promise(setImmediate)

const registry = memoryRegistry()
export const acme = registry.add({ id: 'acme', slug: 'acme', name: 'Acme' })
export const globex = registry.add({ id: 'globex', slug: 'globex', name: 'Globex' })

export const setting = 'app.tenant'
export const scope = { settings: [setting], values: (tenant: { id: string }) => [tenant.id] }
/** Who the server takes the caller for. */
export const whoAmI = `select current_setting('${setting}', true) as tenant`

/** One pool for two tenants, and a view of its sockets. */
export interface Bench {
  readonly pool: pg.Pool
  readonly acme: TenantPool
  readonly globex: TenantPool
  readonly tap: Tap
}

/** A database with a table `notes` behind row security, one row a tenant, and a table `plain` that anyone may use. */
export interface TestDatabase {
  readonly database: FreshDatabase
  bench(options?: pg.PoolConfig): Bench
  /** A connection that belongs to no pool: superuser, or the runtime role. */
  connect(as?: 'admin' | 'runtime'): Promise<pg.Client>
}

export function useDatabase(server: PostgresForTests): TestDatabase {
  let database: FreshDatabase | undefined
  const opened: { end(): Promise<void> }[] = []
  beforeAll(async () => {
    database = await server.freshDatabase()
    await prepareDatabase(database)
  })
  afterAll(async () => {
    for (const { end } of opened.splice(0)) await end()
  })
  function ready(): FreshDatabase {
    if (database === undefined) throw new Error('The database is there once beforeAll has run.')
    return database
  }
  return {
    get database() {
      return ready()
    },
    bench(options = {}) {
      const made = createBench(ready().runtimeUrl, options)
      opened.push({ end: () => endPool(made.pool) })
      return made
    },
    async connect(as = 'admin') {
      const client = new pg.Client(as === 'admin' ? ready().adminUrl : ready().runtimeUrl)
      await client.connect()
      opened.push({ end: () => client.end() })
      return client
    },
  }
}

export function createBench(connectionString: string, options: pg.PoolConfig = {}): Bench {
  const tap = createTap()
  const pool = new pg.Pool({ connectionString, max: 1, stream: tap.stream, ...options })
  const scoped = scopedPool({ pool, scope })
  return { pool, tap, acme: scoped.handle(() => acme), globex: scoped.handle(() => globex) }
}

export async function prepareDatabase({ ownerUrl, runtimeRole }: FreshDatabase): Promise<void> {
  const owner = new pg.Client(ownerUrl)
  await owner.connect()
  await owner.query(`
    create table notes (
      tenant_id text not null default nullif(current_setting('${setting}', true), ''),
      id int generated always as identity,
      text text not null,
      primary key (tenant_id, id)
    );
    insert into notes (tenant_id, text) values ('acme', 'of acme'), ('globex', 'of globex');
    alter table notes enable row level security;
    alter table notes force row level security;
    create policy gate on notes using (true) with check (true);
    create policy tenant on notes as restrictive using (tenant_id = (select nullif(current_setting('${setting}', true), '')));
    create table plain (id int primary key, text text, at timestamptz, data jsonb);
    create table seen (tenant text);
    grant select, insert, update, delete on notes, plain, seen to ${runtimeRole}`)
  await owner.end()
}

async function endPool(pool: pg.Pool): Promise<void> {
  if (!pool.ending) await pool.end()
}

/** What a promise, or a function, fails with. */
export async function failure(work: Promise<unknown> | (() => unknown)): Promise<Error & { readonly code?: string }> {
  let result: unknown
  try {
    result = await (typeof work === 'function' ? work() : work)
  } catch (error) {
    if (error instanceof Error) return error
    throw error
  }
  throw new Error(`Expected a failure, got ${JSON.stringify(result)}`)
}

/** The code of a Tenantry error; of any other, its SQLSTATE or message, marked as such. */
export async function refusal(work: Promise<unknown> | (() => unknown)): Promise<string> {
  const error = await failure(work)
  return isTenancyError(error) ? error.code : `not refused: ${error.code ?? error.message}`
}

/** A lock on the server, at which statements wait until the test lets them go. */
export interface Turnstile {
  /** The statement that waits. */
  readonly text: string
  /** Resolves once so many sessions wait. */
  waiting(count?: number): Promise<void>
  open(): Promise<void>
}

let locks = 0

export async function turnstile(db: TestDatabase): Promise<Turnstile> {
  locks += 1
  const lock = locks
  const keeper = await db.connect()
  await keeper.query('select pg_advisory_lock($1)', [lock])
  return {
    text: `select pg_advisory_xact_lock_shared(${lock})`,
    async waiting(count = 1) {
      for (;;) {
        const { rows } = await keeper.query(
          "select count(*)::int from pg_locks where locktype = 'advisory' and objid = $1 and not granted and database = (select oid from pg_database where datname = current_database())",
          [lock],
        )
        if (rows[0].count >= count) return
      }
    },
    async open() {
      await keeper.query('select pg_advisory_unlock($1)', [lock])
    },
  }
}

/** Takes a lease, and gives it back at the end unless the work has done so. */
export async function leased<T>(pool: TenantPool, work: (lease: TenantClient) => Promise<T>): Promise<T> {
  const lease = await pool.connect()
  try {
    return await work(lease)
  } finally {
    lease.release()
  }
}

/** Resolves when a socket is closed. */
export async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise(resolve => socket.once('close', resolve))
}

/** The server process behind a scoped statement or lease. */
export async function backend(on: Pick<TenantPool, 'query'> | TenantClient): Promise<number> {
  const { rows } = await on.query('select pg_backend_pid() as pid')
  return rows[0].pid
}
