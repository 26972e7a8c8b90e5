import { readByCursor } from '../../cursor.ts'
import { driverCodes, errorCode } from '../../error-code.ts'
import { leasing, transaction } from '../../transaction.ts'
import {
  attempt,
  checkHostile,
  checkOwn,
  type Operation,
  refused,
  type TaggedRow,
  type Turn,
  tagOf,
} from '../../turn.ts'
import type { Store, Stores } from './stores.ts'

// Statements that put on another tenant's role and path. The server lets them: whoever connects may be any tenant. The rest of the
// statement has its names resolved and its privileges checked before, and every further one is put back into its own tenant. What
// a statement runs as a text after that is open by design, counted apart and shown.

/** A text that is not even sent, where a session cannot be reset. */
const refusals = ['42501', 'STATEMENT_REFUSED']

/** A text as it is, or with the same done by a function of the application. */
function spelled(turn: Turn, text: string): string {
  return turn.random.chance(0.5) ? text : text.replaceAll(/set_config\(([^()]*), true\)/g, 'put($1)')
}

/** `$1` is a role, `$2` a schema. */
const sameStatement: readonly string[] = [
  `with become as materialized (select set_config('role', $1, true), set_config('search_path', $2, true))
    select n.tag from become cross join lateral (select tag from notes offset 0) n`,
  `select tag from notes where set_config('search_path', $2, true) || set_config('role', $1, true) is not null`,
  `select null as tag from (select set_config('role', $1, true), set_config('search_path', $2, true)) become
    union all select tag from notes union all select tag from marks`,
  `select set_config('search_path', $2, true), set_config('role', $1, true), (select string_agg(distinct tag, '') from notes) as tag`,
]

const putOn: readonly string[] = [
  `select set_config('role', $1, true), set_config('search_path', $2, true)`,
  // The settings of the transaction stand before those of the session, which then has them until it is reset.
  `select set_config('role', $1, false), set_config('search_path', $2, false)`,
]

/** The same as texts that the server has not seen before. */
const holes = ({ schema, role }: Store): readonly string[] => [
  `select set_config('role', '${role}', true), query_to_xml('select tag from ${schema}.notes', true, true, '')::text as tags`,
  `select set_config('role', '${role}', true), (select string_agg(tag, ', ') from dynamic('select tag from ${schema}.notes') tag) as tags`,
  `select set_config('search_path', '${schema}', true), set_config('role', '${role}', true),
    (select string_agg(tag, ', ') from dynamic('select tag from notes') tag) as tags`,
  `do $$ declare tags text; begin
    execute 'reset role'; execute 'set role ${role}'; execute 'select string_agg(tag, '', '') from ${schema}.notes' into tags;
    raise exception using message = coalesce(tags, 'nothing');
  end $$`,
]

/** Adds a row to the other tenant's. */
const writing = ({ schema, role }: Store, id: number, tag: string): string =>
  `select put('role', '${role}'), (select string_agg(tag, ', ') from
    dynamic('insert into ${schema}.notes (id, tag, version) values (${id}, ''${tag}'', 0) returning tag') tag) as tags`

/** Takes the tags out of whatever they stand in. */
function tagsIn(text: unknown): readonly TaggedRow[] {
  return [...String(text ?? '').matchAll(/of [\w-]+/g)].map(([tag]) => ({ tag }))
}

/** Undone, since it is known to work. */
async function writeAs(turn: Turn, other: Store): Promise<void> {
  const text = writing(other, 2_000_000 + turn.random.int(1e9), tagOf(turn.other))
  await leasing(turn, async client => {
    await client.query('begin')
    checkHostile(turn, tagsIn((await client.query(text)).rows[0]?.tags), true)
    await client.query('rollback')
  })
}

export const becomingOperations = (stores: Stores): readonly Operation[] => [
  {
    name: 'another role in the same statement',
    share: 1,
    async run(turn) {
      const { role, schema } = stores.of(turn.other)
      const text = spelled(turn, turn.random.pick(sameStatement))
      const values = [turn.random.pick([role, 'none']), schema]
      const got = await attempt(turn, refusals, () => turn.db.query(text, values))
      checkHostile(turn, got?.rows.filter(({ tag }) => tag !== null) ?? [], false)
    },
  },
  {
    name: 'another role for the next statement',
    share: 1,
    expects: driverCodes,
    run: turn =>
      transaction(turn, async client => {
        const { role, schema } = stores.of(turn.other)
        const check = (rows: readonly TaggedRow[]) => checkHostile(turn, rows, false)
        const values = [turn.random.pick([role, 'none']), schema]
        await attempt(turn, ['STATEMENT_REFUSED'], () => client.query(spelled(turn, turn.random.pick(putOn)), values))
        if (turn.random.chance(0.5)) await client.query('savepoint before')
        if (turn.random.chance(0.3)) return readByCursor(client, 'select tag from notes', check)
        if (turn.random.chance(0.5)) check((await client.query('select tag from notes')).rows)
        else {
          await client.query('declare mine cursor for select tag from notes')
          await attempt(turn, ['STATEMENT_REFUSED'], () => client.query(spelled(turn, turn.random.pick(putOn)), values))
          check((await client.query('fetch all from mine')).rows)
        }
        await client.query('savepoint last')
        await refused(turn, ['42501'], () => client.query(`select tag from ${schema}.notes`))
        await client.query('rollback to savepoint last')
      }),
  },
  {
    name: 'another role inside the statement',
    share: 1,
    async run(turn) {
      const other = stores.of(turn.other)
      if (turn.random.chance(0.2)) return writeAs(turn, other)
      const text = spelled(turn, turn.random.pick(holes(other)))
      try {
        const got = await attempt(turn, refusals, () => turn.db.query(text))
        checkHostile(turn, tagsIn(got?.rows[0]?.tags), true)
      } catch (error) {
        // Raised by the block, which has no other way to tell.
        if (errorCode(error) !== 'P0001' || !(error instanceof Error)) throw error
        checkHostile(turn, tagsIn(error.message), true)
      }
    },
  },
  {
    name: 'a temporary table in the way',
    share: 1,
    run: turn =>
      leasing(turn, async client => {
        const text = `select 1 as id, 'of nobody' as tag, 0 as version into temporary notes`
        await attempt(turn, refusals, () => client.query(text))
        checkOwn(turn, (await client.query('select tag from notes')).rows)
        checkOwn(turn, (await client.query('select tag from notes n where exists (select from marks)')).rows)
      }),
  },
  {
    name: 'a procedure that commits',
    share: 1,
    // What follows its COMMIT has no tenant any more: it must be refused, and surely not find the tables of `public`.
    async run(turn) {
      const got = await attempt(turn, ['2D000', 'STATEMENT_REFUSED'], () => turn.db.query('call in_pieces(null)'))
      checkHostile(turn, tagsIn(got?.rows[0]?.tags), false)
    },
  },
]
