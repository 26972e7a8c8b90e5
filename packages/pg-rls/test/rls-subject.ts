import { failureOf, type Note, type Notes, type Subject } from '@tenantry/conformance'
import type { TenantClient, TenantPool } from '@tenantry/pg'
import { pgRls, protectTable } from '@tenantry/pg-rls'
import type { PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'
import { countStatements } from './statement-counter.ts'

type Query = (text: string, values?: unknown[]) => Promise<pg.QueryResult>

function notesOf(query: Query): Notes {
  const changed = async (text: string, values: unknown[]) => (await query(text, values)).rowCount ?? 0
  return {
    put: async ({ id, text }) => void (await query('insert into notes (id, text) values ($1, $2)', [id, text])),
    get: async id => (await query('select id, text from notes where id = $1', [id])).rows[0],
    list: async () => (await query('select id, text from notes')).rows,
    count: async () => (await query('select count(*)::int as count from notes')).rows[0].count,
    update: ({ id, text }) => changed('update notes set text = $2 where id = $1', [id, text]),
    remove: id => changed('delete from notes where id = $1', [id]),
    putAs: async (tenant, { id, text }) =>
      void (await query('insert into notes (tenant_id, id, text) values ($1, $2, $3)', [tenant, id, text])),
    move: (id, tenant) => changed('update notes set tenant_id = $2 where id = $1', [id, tenant]),
  }
}

/** `pg-rls` on a database of its own, with two connections. */
export async function rlsSubject(server: PostgresForTests): Promise<Subject<TenantPool>> {
  const database = await server.freshDatabase()
  const admin = new pg.Pool({ connectionString: database.adminUrl, max: 1 })
  const owner = new pg.Client({ connectionString: database.ownerUrl })
  await owner.connect()
  await owner.query(
    'create table notes (tenant_id text not null, id uuid, text text not null, primary key (tenant_id, id))',
  )
  for (const statement of protectTable('notes', { index: false, runtimeRole: database.runtimeRole }))
    await owner.query(statement)
  await owner.end()

  const door = await countStatements(database.runtimeUrl)
  const pool = new pg.Pool({ connectionString: door.url, max: 2 })
  const isolation = pgRls({ pool })
  await isolation.ready()

  async function unit<T>(handle: TenantPool, work: (client: TenantClient) => Promise<T>): Promise<T> {
    const client = await handle.connect()
    try {
      await client.query('begin')
      const result = await work(client)
      await client.query('commit')
      return result
    } finally {
      client.release()
    }
  }
  const faulty = (handle: TenantPool, note: Note, fault: (client: TenantClient) => Promise<unknown>) =>
    failureOf(
      unit(handle, async client => {
        await notesOf(client.query).put(note)
        await fault(client)
      }),
    )

  return {
    isolation,
    notes: handle => notesOf(handle.query),
    unit: (handle, work) => unit(handle, client => work(notesOf(client.query))),
    refused: error => (error as { code?: unknown }).code === '42501',
    outside: {
      statements: async () => door.statements(),
      everything: async () => (await admin.query('select tenant_id as tenant, id, text from notes')).rows,
      async unscoped() {
        const client = new pg.Client({ connectionString: database.runtimeUrl })
        await client.connect()
        const { rows } = await client.query('select id, text from notes')
        await client.end()
        return rows
      },
      residue: () => residueOf(pool),
    },
    faults: {
      timeout: (handle, note) =>
        faulty(handle, note, client =>
          client.query({ text: 'select pg_sleep(2)', query_timeout: 20 } as pg.QueryConfig),
        ),
      disconnect: (handle, note) =>
        faulty(handle, note, client => client.query('select pg_terminate_backend(pg_backend_pid())')),
    },
    async close() {
      await isolation.close()
      pool.on('error', () => undefined)
      await pool.end()
      await door.close()
      await admin.end()
    },
  }
}

/** Takes every connection that the pool may have and looks at what stands on it. */
async function residueOf(pool: pg.Pool): Promise<string[]> {
  const clients = await Promise.all(Array.from({ length: pool.options.max }, () => pool.connect()))
  const found: string[] = []
  for (const client of clients) {
    if (client.getTransactionStatus() !== 'I') found.push('an open transaction')
    const { rows } = await client.query(`
      select 'setting ' || current_setting('tenantry.tenant_id', true) as residue where current_setting('tenantry.tenant_id', true) <> ''
      union all select 'cursor ' || name from pg_cursors where is_holdable
      union all select 'temporary ' || relname from pg_class where relpersistence = 't' and pg_my_temp_schema() = relnamespace
      union all select 'lock ' || objid from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
      union all select 'changed setting ' || name from pg_settings where source = 'session' and name not in ('application_name', 'client_encoding')`)
    found.push(...rows.map(row => String(row.residue)))
    client.release()
  }
  return found
}
