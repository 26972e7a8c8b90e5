import { leasing, transaction } from '../transaction.ts'
import { checkOwn, type Operation, refused, type Turn } from '../turn.ts'

// Hostile statements that every isolation on Postgres must refuse or survive. What reaches for another tenant stands in its room.

/** A statement, and the codes that the server or Tenantry may refuse it with. */
export type Denied = readonly [text: string, ...codes: string[]]

/** What an isolation adds. */
export interface HostileParts {
  /** What is refused before it is sent. */
  readonly refused: readonly string[]
  /** What the server refuses. */
  denied(turn: Turn): readonly Denied[]
}

const refusedTexts = [
  'reset all',
  '/* a /* nested */ comment */ ; discard all',
  'set role postgres',
  'set session authorization default',
  'commit',
  '; ; rollback',
  'begin',
  'listen everything',
  'prepare steal as select tag from notes',
  'create temporary table notes (tag text)',
  'copy notes to stdout',
]

const deniedTexts: readonly Denied[] = [
  ['select 1; commit; select tag from notes', '42601'],
  [`select set_config('role', 'pg_read_all_data', true)`, '42501', 'STATEMENT_REFUSED'],
  [`select set_config('session_authorization', 'pg_read_all_data', true)`, '42501', 'STATEMENT_REFUSED'],
  [`do $$ begin execute 'set role pg_read_all_data'; end $$`, '42501', 'STATEMENT_REFUSED'],
]

/** What a tenant may not who uses tables that somebody else owns. */
export const deniedToUsers: readonly Denied[] = [
  ['alter table notes disable row level security', '42501'],
  ['alter table notes no force row level security', '42501'],
  ['truncate notes', '42501'],
  ['create policy mine on notes using (true)', '42501'],
  [`create function steal() returns text language sql as 'select null'`, '42501'],
]

export const hostileOperations = (parts: HostileParts): readonly Operation[] => [
  {
    name: 'refused statements',
    share: 1,
    run: turn =>
      refused(turn, ['STATEMENT_REFUSED'], () => turn.db.query(turn.random.pick([...refusedTexts, ...parts.refused]))),
  },
  {
    name: 'denied statements',
    share: 1,
    async run(turn) {
      const [text, ...codes] = turn.random.pick([...deniedTexts, ...parts.denied(turn)])
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
