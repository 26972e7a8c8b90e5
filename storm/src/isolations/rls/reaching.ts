import { Caught } from '../../caught.ts'
import { attempt, checkOwn, type Operation, refused, type Turn, tagOf } from '../../turn.ts'

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

export const reachingOperation: Operation = {
  name: 'reaching for another tenant',
  share: 2,
  run: async turn => void (await turn.random.pick(reaching)(turn)),
}
