import { randomBytes, randomInt } from 'node:crypto'
import { failureOf, type Manifest, type Note, type Notes, type Subject, type Ways } from '@tenantry/conformance'
import { secret } from '@tenantry/core'
import type { TenantClient, TenantPool } from '@tenantry/pg'
import { installSeal, type PgRlsOptions, pgRls, protectTable, sealKeyStatement } from '@tenantry/pg-rls'
import { startFaultProxy } from '@tenantry/servers'
import type { PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'

type Query = (text: string, values?: unknown[]) => Promise<pg.QueryResult>
type Seal = NonNullable<PgRlsOptions['seal']>

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

/** `pg-rls` on a database of its own, with two connections. */
export async function rlsSubject(server: PostgresForTests, seal: Seal = 'none'): Promise<Subject<TenantPool>> {
  const database = await server.freshDatabase()
  const { runtimeRole, ownerRole: tableOwner } = database
  const admin = new pg.Pool({ connectionString: database.adminUrl, max: 2 })
  const key = { id: 1, secret: secret(randomBytes(32).toString('base64')) }
  if (seal !== 'none') {
    for (const statement of installSeal({ mode: seal, runtimeRole, tableOwner })) await admin.query(statement)
    await admin.query(sealKeyStatement(key) as pg.QueryConfig)
  }
  const owner = new pg.Client({ connectionString: database.ownerUrl })
  await owner.connect()
  const columns = 'tenant_id text not null, id uuid, text text not null, primary key (tenant_id, id)'
  const protect = protectTable('notes', { index: false, runtimeRole, seal: seal !== 'none' })
  for (const statement of [`create table notes (${columns})`, ...protect]) await owner.query(statement)
  await owner.end()

  const proxy = await startFaultProxy({ target: database.runtimeUrl })
  const pool = new pg.Pool({ connectionString: proxy.url(database.runtimeUrl), max: 2 })
  const { bouncer, namedStatements } = server
  // Behind a pooler the sessions are its own: as many clients in transactions hold all of them.
  const sessions =
    bouncer === undefined
      ? pool
      : new pg.Pool({ connectionString: database.runtimeUrl, max: bouncer.descriptor.poolSize, idleTimeoutMillis: 0 })
  const options = { pool, namedStatements, pooler: bouncer !== undefined, seal, sealKeys: () => key }
  const isolation = pgRls(options)
  await isolation.ready()

  return {
    isolation,
    server: `PostgreSQL ${(await admin.query('show server_version')).rows[0].server_version}`,
    notes: handle => notesOf(handle.query),
    unit: (handle, work) => unit(handle, client => work(notesOf(client.query))),
    refused: error => (error as { code?: unknown }).code === '42501',
    outside: {
      statements: async () => proxy.count('frontend', 'Execute') + proxy.count('frontend', 'Query'),
      everything: async () => (await admin.query('select tenant_id as tenant, id, text from notes')).rows,
      async unscoped() {
        const client = new pg.Client({ connectionString: database.runtimeUrl })
        await client.connect()
        try {
          return (await client.query('select id, text from notes')).rows
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
    more: abilities(admin, async () => pgRls(options)),
    async close() {
      await isolation.close()
      // A connection that is being closed may be cut by the drop of its database.
      for (const each of [pool, sessions, admin]) each.on('error', () => undefined)
      await pool.end()
      if (sessions !== pool) await sessions.end()
      await proxy.close()
      await admin.end()
    },
  }
}

async function pidOf(client: TenantClient): Promise<number> {
  return (await client.query('select pg_backend_pid() as pid')).rows[0].pid
}

/** The same text as a statement of its own and inside a transaction. */
function ways(handle: TenantPool, ...texts: readonly string[]): Ways {
  return texts.flatMap(text => [
    () => handle.query(text),
    () => unit(handle, client => client.query(text)),
    () => handle.query(`do $do$ begin execute ${pg.escapeLiteral(text)}; end $do$`),
  ])
}

function abilities(admin: pg.Pool, second: () => Promise<Subject<TenantPool>['isolation']>): Manifest<TenantPool> {
  return {
    upsert: async ({ query }, { id, text }) => {
      const upsert = 'insert into notes (id, text) values ($1, $2) on conflict (tenant_id, id) do update set text = $2'
      await query(upsert, [id, text])
    },
    returning: async ({ query }, { id, text }) =>
      (await query('update notes set text = $2 where id = $1 returning id, text', [id, text])).rows,
    cte: async ({ query }) =>
      (await query('with gone as (delete from notes returning id, text) select id, text from gone')).rows,
    join: async ({ query }) =>
      (await query({ text: 'select x.id, y.id from notes x join notes y using (text)', rowMode: 'array' }))
        .rows as never,
    aggregate: async ({ query }) =>
      new Map(
        (await query('select text, count(*)::int from notes group by text')).rows.map(row => [row.text, row.count]),
      ),
    prepared: async ({ query }) =>
      (await query({ name: 'all_notes', text: 'select id, text from notes order by id' })).rows,
    cursor: (handle, between) =>
      unit(handle, async client => {
        await client.query('declare c cursor for select id, text from notes')
        const notes: Note[] = []
        for (;;) {
          await between()
          const { rows } = await client.query('fetch 1 from c')
          if (rows.length === 0) return notes
          notes.push(...rows)
        }
      }),
    // COPY FROM is refused under row security (threats R22); this is the way that is left.
    bulk: async ({ query }, notes) => {
      const own = notes.filter(({ tenant }) => tenant === undefined)
      const others = notes.filter(({ tenant }) => tenant !== undefined)
      const column = (list: typeof notes, name: 'id' | 'text' | 'tenant') => list.map(note => note[name])
      await query(
        `with own as (insert into notes (id, text) select * from unnest($1::uuid[], $2::text[]))
         insert into notes (tenant_id, id, text) select * from unnest($3::text[], $4::uuid[], $5::text[])`,
        [
          column(own, 'id'),
          column(own, 'text'),
          column(others, 'tenant'),
          column(others, 'id'),
          column(others, 'text'),
        ],
      )
    },
    copy: handle => unit(handle, copied),
    callback: (handle, done) =>
      handle.query('select id, text from notes', (error: Error | undefined, result: pg.QueryResult | undefined) =>
        done(error, result?.rows),
      ),

    rollback: async (handle, note) => {
      const client = await handle.connect()
      await client.query('begin')
      await notesOf(client.query).put(note)
      await client.query('rollback')
      client.release()
    },
    savepoint: (handle, kept, undone) =>
      unit(handle, async client => {
        const { put, list } = notesOf(client.query)
        await put(kept)
        await client.query('savepoint here')
        await put(undone)
        await client.query('rollback to here')
        return list()
      }),
    limit: (handle, note) =>
      faulty(handle, note, async client => {
        await client.query('set local statement_timeout = 20')
        await client.query('select pg_sleep(2)')
      }),
    cancel: (handle, note) =>
      faulty(handle, note, async client => {
        const pid = await pidOf(client)
        const asleep = failureOf(client.query('select pg_sleep(10)'))
        const look = `select pg_cancel_backend(pid) from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'`
        while ((await admin.query(look, [pid])).rowCount === 0) await new Promise(resolve => setTimeout(resolve, 2))
        throw await asleep
      }),
    kill: (handle, note) =>
      faulty(handle, note, async client => {
        await admin.query('select pg_terminate_backend($1, 5000)', [await pidOf(client)])
        await client.query('select 1')
      }),

    temporary: handle => ways(handle, 'create temp table notes (id uuid, text text)', 'select 1 as id into temp stray'),
    heldCursor: handle => ways(handle, 'declare stray cursor with hold for select * from notes'),
    setting: handle =>
      ways(
        handle,
        'set statement_timeout = 12345',
        `select set_config('search_path', 'pg_catalog', false)`,
        `select set_config('tenantry.tenant_id', current_setting('tenantry.tenant_id'), false)`,
        `select set_config('app.stray', 'x', false)`,
      ),
    lock: handle =>
      ways(handle, `select pg_advisory_lock(${randomInt(2 ** 31)})`, 'select pg_try_advisory_lock_shared(7)'),
    second,
  }
}

/** All notes by COPY … TO, with just so much of a query object as `pg` needs. */
function copied(client: TenantClient): Promise<Note[]> {
  return new Promise((resolve, reject) => {
    const text = 'copy (select id, text from notes) to stdout'
    const chunks: Buffer[] = []
    let failure: Error | undefined
    client.query({
      text,
      submit: (connection: pg.Connection) => connection.query(text),
      handleCopyData: ({ chunk }: { chunk: Buffer }) => void chunks.push(chunk),
      handleRowDescription: () => undefined,
      handleCommandComplete: () => undefined,
      handleError(error: Error) {
        failure = error
      },
      handleReadyForQuery() {
        if (failure !== undefined) return reject(failure)
        const lines = Buffer.concat(chunks).toString().split('\n').filter(Boolean)
        resolve(lines.map(line => line.split('\t')).map(([id = '', text = '']) => ({ id, text })))
      },
    } as unknown as pg.Submittable)
  })
}

/** Takes every connection that the pool may have and looks at what stands on it. */
async function residueOf(pool: pg.Pool): Promise<string[]> {
  const clients = await Promise.all(Array.from({ length: pool.options.max }, () => pool.connect()))
  const found: string[] = []
  for (const client of clients) if (client.getTransactionStatus() !== 'I') found.push('an open transaction')
  for (const client of clients) await client.query('begin')
  for (const client of clients) {
    const { rows } = await client.query(`
      select 'setting ' || name || ' ' || current_setting(name, true) as residue from unnest(array['tenantry.tenant_id', 'app.stray']) name
       where current_setting(name, true) <> ''
      union all select 'cursor ' || name from pg_cursors where is_holdable
      union all select 'temporary ' || relname from pg_class where relpersistence = 't' and pg_my_temp_schema() = relnamespace
      union all select 'lock ' || objid from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
      union all select 'changed setting ' || name from pg_settings where source = 'session' and name not in ('application_name', 'client_encoding', 'transaction_deferrable', 'transaction_isolation', 'transaction_read_only')`)
    found.push(...rows.map(row => String(row.residue)))
  }
  for (const client of clients) {
    await client.query('rollback')
    client.release()
  }
  return found
}
