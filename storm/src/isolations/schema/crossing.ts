import { Caught } from '../../caught.ts'
import { transaction } from '../../transaction.ts'
import { attempt, checkHostile, checkOwn, type Operation, type Query, type Turn } from '../../turn.ts'
import type { Stores } from './stores.ts'

// Statements that name another tenant's schema, as the tenant that they are run for.

const reads = (schema: string): readonly string[] => [
  `select tag from ${schema}.notes`,
  `table ${schema}.notes`,
  `select t.tag from notes n, ${schema}.marks t`,
  `with theirs as (select tag from ${schema}.notes) select tag from theirs`,
  `select tag from notes union all select tag from ${schema}.notes`,
  `select (select min(tag) from ${schema}.notes) as tag`,
  `select tag from dynamic('select tag from ${schema}.notes') tag`,
  `select query_to_xml('select tag from ${schema}.notes', true, true, '')::text as tag`,
  `select '${schema}.notes'::regclass::text as tag`,
  `select nextval('${schema}.tickets')::text as tag`,
  `explain analyze select tag from ${schema}.notes`,
]

const writes = (schema: string): readonly string[] => [
  `insert into ${schema}.notes (id, tag, version) values (1000000, 'of nobody', 0) returning tag`,
  `insert into ${schema}.marks (note, tag) select id, tag from notes returning tag`,
  `update ${schema}.notes set version = 0 returning tag`,
  `delete from ${schema}.notes returning tag`,
  `merge into ${schema}.notes using notes n on false when not matched then insert values (n.id + 1000000, n.tag, 0)`,
  `with gone as (delete from ${schema}.marks returning tag) select tag from gone`,
  `truncate ${schema}.notes cascade`,
]

/** `query_to_xml` is not sent where a session cannot be reset. */
const refusals = ['42501', 'STATEMENT_REFUSED']

async function mustBeRefused(turn: Turn, text: string, query: Query): Promise<void> {
  const got = await attempt(turn, refusals, () => query(text))
  if (got === undefined) return
  checkHostile(turn, got.rows, false)
  throw new Caught('wrong', `${turn.tenant.id} was not refused: ${text}`)
}

/** What the catalogue may not tell of other tenants. None of these may have a row. */
const secrets = (schema: string): readonly string[] => [
  `select most_common_vals::text as tag from pg_stats where schemaname = '${schema}'`,
  `select table_name as tag from information_schema.tables where table_schema = '${schema}'`,
  `select last_value::text as tag from pg_sequences where schemaname = '${schema}' and last_value is not null`,
  `select query as tag from pg_stat_activity where pid <> pg_backend_pid() and usename is not null
    and query <> '<insufficient privilege>'`,
  `select c.oid::text as tag from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname like 't\\_%' and n.nspname <> current_schema() and c.relkind = 'r'
      and (has_schema_privilege(n.oid, 'usage') or has_table_privilege(c.oid, 'select') or has_any_column_privilege(c.oid, 'select'))`,
]

export const crossingOperations = (stores: Stores): readonly Operation[] => [
  {
    name: 'another schema by its name',
    share: 1,
    async run(turn) {
      const { schema } = stores.of(turn.other)
      const text = turn.random.pick([...reads(schema), ...writes(schema)])
      if (turn.random.chance(0.5)) return mustBeRefused(turn, text, turn.db.query)
      await transaction(turn, async client => {
        await client.query('savepoint before')
        await mustBeRefused(turn, text, client.query)
        await client.query('rollback to savepoint before')
        checkOwn(turn, (await client.query('select tag from notes')).rows)
      })
    },
  },
  {
    name: 'what the catalogue tells of others',
    share: 1,
    async run(turn) {
      const text = turn.random.pick(secrets(stores.of(turn.other).schema))
      const [row] = (await turn.db.query(text)).rows
      if (row !== undefined) throw new Caught('leak', `${turn.tenant.id} learned ${row.tag} by ${text}`)
    },
  },
]
