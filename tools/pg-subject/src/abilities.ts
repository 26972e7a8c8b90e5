import { randomInt } from 'node:crypto'
import { failureOf, type Manifest, type Note, type Subject, type Ways } from '@tenantry/conformance'
import type { TenantClient, TenantPool } from '@tenantry/pg'
import pg from 'pg'
import { copied } from './copied.ts'
import { notesOf } from './notes.ts'
import { faulty, unit } from './unit.ts'

/** What differs between isolations. */
export interface AbilityParts {
  /** The columns of the primary key, as ON CONFLICT takes them. */
  readonly conflict: string
  /** The settings that carry the tenant. */
  readonly settings: readonly string[]
  readonly bulk: Manifest<TenantPool>['bulk']
  /** One more isolation over the same pool. */
  second(): Promise<Subject<TenantPool>['isolation']>
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

/** What a Postgres table can do beyond the verbs. */
export function abilities(admin: pg.Pool, { conflict, settings, bulk, second }: AbilityParts): Manifest<TenantPool> {
  return {
    upsert: async ({ query }, { id, text }) => {
      const upsert = `insert into notes (id, text) values ($1, $2) on conflict ${conflict} do update set text = $2`
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
    bulk,
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
        ...settings.map(name => `select set_config('${name}', current_setting('${name}'), false)`),
        `select set_config('app.stray', 'x', false)`,
      ),
    lock: handle =>
      ways(handle, `select pg_advisory_lock(${randomInt(2 ** 31)})`, 'select pg_try_advisory_lock_shared(7)'),
    second,
  }
}
