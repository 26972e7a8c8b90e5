import { Caught } from '../caught.ts'
import { leasing, transaction } from '../transaction.ts'
import { attempt, checkOwn, type Operation, refused, type Turn, tagOf } from '../turn.ts'

// Hostile statements that no seal is needed against. What forges the tenant stands in forgery.ts.

/** Reaches for the other tenant by name. */
const reaching: readonly ((turn: Turn) => Promise<unknown>)[] = [
  async turn =>
    checkOwn(turn, (await turn.db.query('select tag from notes where tenant_id = $1', [turn.other.id])).rows),
  turn =>
    refused(turn, ['42501'], () =>
      turn.db.query('insert into notes (tenant_id, id, tag, version) values ($1, $2, $3, 0)', [
        turn.other.id,
        1_000_000 + turn.random.int(1000),
        tagOf(turn.tenant),
      ]),
    ),
  async turn => {
    const row = [...turn.rows.known().keys()][0]
    if (row === undefined) return
    const text = 'update notes set tenant_id = $1 where id = $2 returning tag'
    const moved = await attempt(turn, ['42501'], () => turn.db.query(text, [turn.other.id, row]))
    // Without an error the row must have been removed in the meantime.
    if (moved !== undefined && moved.rowCount !== 0) throw new Caught('leak', 'a row was moved to another tenant')
  },
  async turn =>
    checkOwn(turn, (await turn.db.query('delete from notes where tenant_id = $1 returning tag', [turn.other.id])).rows),
  turn =>
    refused(turn, ['42501'], () =>
      turn.db.query(
        `insert into notes (tenant_id, id, tag, version) select $1, id, 'stolen', 0 from generate_series(1, 6) id
         on conflict (tenant_id, id) do update set tag = 'stolen ' || notes.tag returning tag`,
        [turn.other.id],
      ),
    ),
]

/** What is refused before it is sent. */
const refusedTexts = [
  'reset all',
  'reset tenantry.tenant_id',
  '/* a /* nested */ comment */ ; discard all',
  'set role postgres',
  'set session authorization default',
  `set tenantry.tenant_id = 'x'`,
  `-- a line\nset local tenantry.tenant_id = 'x'`,
  'commit',
  '; ; rollback',
  'begin',
  'listen everything',
  'prepare steal as select tag from notes',
  'create temporary table notes (tag text)',
  'copy notes to stdout',
]

/** What the server refuses, each with its code. */
const deniedTexts: readonly (readonly [text: string, ...codes: string[]])[] = [
  ['select 1; commit; select tag from notes', '42601'],
  [`select tag from notes; set tenantry.tenant_id = 'x'`, '42601'],
  [`select set_config('role', 'pg_read_all_data', true)`, '42501', 'STATEMENT_REFUSED'],
  [`select set_config('session_authorization', 'pg_read_all_data', true)`, '42501', 'STATEMENT_REFUSED'],
  [`do $$ begin execute 'set role pg_read_all_data'; end $$`, '42501', 'STATEMENT_REFUSED'],
  ['alter table notes disable row level security', '42501'],
  ['alter table notes no force row level security', '42501'],
  ['truncate notes', '42501'],
  ['create policy mine on notes using (true)', '42501'],
  [`create function steal() returns text language sql as 'select null'`, '42501'],
  ['select * into temporary stolen from notes', '42501', 'STATEMENT_REFUSED'],
]

export const hostileOperations: readonly Operation[] = [
  { name: 'reaching for another tenant', share: 2, run: async turn => void (await turn.random.pick(reaching)(turn)) },
  {
    name: 'refused statements',
    share: 1,
    run: turn => refused(turn, ['STATEMENT_REFUSED'], () => turn.db.query(turn.random.pick(refusedTexts))),
  },
  {
    name: 'denied statements',
    share: 1,
    async run(turn) {
      const [text, ...codes] = turn.random.pick(deniedTexts)
      await refused(turn, codes, () => turn.db.query(text))
    },
  },
  {
    name: 'smuggled COMMIT',
    share: 1,
    // As a lease lets it pass: the transaction ends, the next statement has its tenant again.
    run: turn =>
      leasing(turn, async client => {
        await client.query('begin')
        checkOwn(turn, (await client.query('select tag from notes limit 3')).rows)
        await client.query('/* x */ ; commit')
        checkOwn(turn, (await client.query('select tag from notes limit 3')).rows)
        await refused(turn, ['42601'], () => client.query('select 1; commit'))
      }),
  },
  {
    name: 'RESET inside a function',
    share: 1,
    run: turn =>
      transaction(turn, async client => {
        await client.query('select forget()')
        const { rows } = await client.query('select tag from notes')
        checkOwn(turn, rows)
      }),
  },
]
