import type { Notes, Objects, Row, Subject } from '@tenantry/conformance'
import type { Isolation } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import { type FreshDatabase, startFaultProxy } from '@tenantry/servers'
import type { PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'
import { type AbilityParts, abilities } from './abilities.ts'
import { notesOf, type Query } from './notes.ts'
import { residueOf } from './residue.ts'
import { faulty, unit } from './unit.ts'

/** What the author of a Postgres isolation says of it. */
export interface PgSubjectParts extends Omit<AbilityParts, 'second'> {
  /** The isolation over a pool of two connections; made again for a second one. */
  isolation(pool: pg.Pool): Isolation<TenantPool>
  /** Verbs that only some isolations have. */
  more?(query: Query): Partial<Notes>
  /** Every note of every tenant. */
  everything(admin: pg.Pool): Promise<readonly Row[]>
  /** What a new connection of the runtime role sees without any tenant. Default all of `notes`. */
  unscoped?(client: pg.Client): Promise<readonly Row[]>
  objects?(admin: pg.Pool): Objects
  /** Lets go of what the isolation was given besides. */
  close?(): Promise<void>
}

/** A Postgres isolation on a database of its own, whose tables are there, with two connections. */
export async function pgSubject(
  { bouncer }: Pick<PostgresForTests, 'bouncer'>,
  database: FreshDatabase,
  parts: PgSubjectParts,
): Promise<Subject<TenantPool>> {
  const admin = new pg.Pool({ connectionString: database.adminUrl, max: 2 })
  const proxy = await startFaultProxy({ target: database.runtimeUrl })
  const pool = new pg.Pool({ connectionString: proxy.url(database.runtimeUrl), max: 2 })
  // Behind a pooler the sessions are its own: as many clients in transactions hold all of them.
  const sessions =
    bouncer === undefined
      ? pool
      : new pg.Pool({ connectionString: database.runtimeUrl, max: bouncer.descriptor.poolSize, idleTimeoutMillis: 0 })
  const isolation = parts.isolation(pool)
  await isolation.ready()
  const verbs = (query: Query): Notes => ({ ...notesOf(query), ...parts.more?.(query) })

  return {
    isolation,
    server: `PostgreSQL ${(await admin.query('show server_version')).rows[0].server_version}`,
    notes: handle => verbs(handle.query),
    unit: (handle, work) => unit(handle, client => work(verbs(client.query))),
    refused: error => (error as { code?: unknown }).code === '42501',
    outside: {
      statements: async () => proxy.count('frontend', 'Execute') + proxy.count('frontend', 'Query'),
      everything: () => parts.everything(admin),
      async unscoped() {
        const client = new pg.Client({ connectionString: database.runtimeUrl })
        await client.connect()
        try {
          return await (parts.unscoped?.(client) ?? notesOf(client.query.bind(client)).list())
        } finally {
          await client.end()
        }
      },
      residue: () => residueOf(sessions),
    },
    faults: {
      timeout: (handle, note) =>
        faulty(handle, note, client =>
          client.query({ text: 'select pg_sleep(2)', query_timeout: 20 } as pg.QueryConfig),
        ),
      disconnect: (handle, note) =>
        faulty(handle, note, client => client.query('select pg_terminate_backend(pg_backend_pid())')),
    },
    more: abilities(admin, { ...parts, second: async () => parts.isolation(pool) }),
    ...(parts.objects === undefined ? {} : { objects: parts.objects(admin) }),
    async close() {
      await isolation.close()
      // A connection that is being closed may be cut by the drop of its database.
      for (const each of [pool, sessions, admin]) each.on('error', () => undefined)
      await pool.end()
      if (sessions !== pool) await sessions.end()
      await proxy.close()
      await admin.end()
      await parts.close?.()
    },
  }
}
