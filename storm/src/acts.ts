import type { Edit } from './model.ts'
import { checkOwn, expectThat, type Query, type TaggedRow, type Turn, tagOf } from './turn.ts'

/** One ordinary statement, and what it does to which rows. Stands alone or in a transaction. */
export interface Act {
  readonly edits: readonly Edit[]
  run(query: Query): Promise<void>
}

interface NoteRow extends TaggedRow {
  readonly id: number
  readonly version: string
}

const columns = 'id, tag, version'

/** Rows of one tenant are kept few, so that reading all of them stays cheap. */
const enough = 8

/** Any ordinary statement. */
export function someAct(turn: Turn): Act {
  if (turn.random.chance(0.4)) return turn.random.pick(looks)(turn)
  const row = turn.rows.known().size > 2 ? turn.rows.take(turn.random) : undefined
  if (row === undefined) return someAddition(turn)
  const { id, version: before } = row
  if (turn.rows.known().size >= enough && turn.random.chance(0.6)) return removal(turn, id, before)
  if (turn.random.chance(0.25)) return pointRead(turn, id, before)
  return change(turn, id, before)
}

function checkRows(turn: Turn, rows: readonly NoteRow[], wanted: ReadonlyMap<number, number>): void {
  checkOwn(turn, rows)
  const got = rows.map(({ id, version }) => `${id}@${version}`).sort()
  const all = [...wanted].map(([id, version]) => `${id}@${version}`).sort()
  expectThat(got.join() === all.join(), `${turn.tenant.id} got ${got} instead of ${all}`)
}

function pointRead(turn: Turn, id: number, version: number): Act {
  return {
    edits: [{ id, before: version, after: version }],
    async run(query) {
      const { rows } = await query(`select ${columns} from notes where id = $1`, [id])
      checkRows(turn, rows, new Map([[id, version]]))
    },
  }
}

const changes = (conflict: string) => [
  `update notes set version = $2 where id = $1 returning ${columns}`,
  `with mine as (select id from notes where id = $1), changed as (update notes n set version = $2 from mine where n.id = mine.id
    returning n.id, n.tag, n.version) select ${columns} from changed`,
  `insert into notes (id, tag, version) select id, tag, $2 from notes where id = $1
    on conflict ${conflict} do update set version = excluded.version returning ${columns}`,
]

function change(turn: Turn, id: number, before: number): Act {
  const after = turn.rows.newVersion()
  const text = turn.random.pick(changes(turn.world.subject.conflict))
  return {
    edits: [{ id, before, after }],
    run: async query => checkRows(turn, (await query(text, [id, after])).rows, new Map([[id, after]])),
  }
}

function removal(turn: Turn, id: number, before: number): Act {
  return {
    edits: [{ id, before, after: undefined }],
    async run(query) {
      const { rows } = await query(`delete from notes where id = $1 returning ${columns}`, [id])
      checkRows(turn, rows, new Map([[id, before]]))
    },
  }
}

const insertions = (conflict: string) => [
  `insert into notes (id, tag, version) select * from unnest($1::int[], $2::text[], $3::bigint[]) returning ${columns}`,
  `with added as (insert into notes (id, tag, version) select * from unnest($1::int[], $2::text[], $3::bigint[])
    returning ${columns}), marked as (insert into marks (note, tag) select id, tag from added)
    select ${columns} from added`,
  `insert into notes (id, tag, version) select * from unnest($1::int[], $2::text[], $3::bigint[])
    on conflict ${conflict} do update set tag = 'overwritten ' || notes.tag returning ${columns}`,
]

/** A statement that surely writes. */
export function someAddition(turn: Turn): Act {
  const text = turn.random.pick(insertions(turn.world.subject.conflict))
  const added = Array.from(
    { length: 1 + turn.random.int(3) },
    () => [turn.rows.newId(), turn.rows.newVersion()] as const,
  )
  const values = [added.map(([id]) => id), added.map(() => tagOf(turn.tenant)), added.map(([, version]) => version)]
  return {
    edits: added.map(([id, after]) => ({ id, before: undefined, after })),
    run: async query => checkRows(turn, (await query(text, values)).rows, new Map(added)),
  }
}

/** Without any filter: what is there of others must not be seen, and what is there of one's own must. */
function everything(turn: Turn): Act {
  // As of now, and not of the statement: a repeatable read sees what was there when its transaction began.
  const before = new Map(turn.rows.known())
  return { edits: [], run: query => readEverything(turn, before, query) }
}

async function readEverything(turn: Turn, before: ReadonlyMap<number, number>, query: Query): Promise<void> {
  const { rows } = await query(`select ${columns} from notes`)
  checkOwn(turn, rows)
  const got = new Map(rows.map(row => [row.id, Number(row.version)]))
  const after = turn.rows.known()
  for (const [id, version] of before) {
    // Rows that another operation of this tenant has changed meanwhile may be in either state.
    if (after.get(id) === version)
      expectThat(got.get(id) === version, `${turn.tenant.id} missed ${id}@${version}: ${got.get(id)}`)
  }
}

const looks = [
  everything,
  everything,
  look('select n.tag, m.tag as mark from notes n join marks m on m.note = n.id order by n.id'),
  look('select distinct tag from notes union all select distinct tag from marks'),
  look(
    'select min(tag) as tag from notes having count(*) > 0 union all select max(tag) from notes having count(*) > 0',
  ),
  look(
    'with recursive r as (select id, tag from notes where id < 9 union select r.id + 1, n.tag from r join notes n on n.id = r.id + 1 where r.id < 12) select tag from r',
  ),
  look('select n.tag from notes n where exists (select from marks m where m.note = n.id) or n.id % 2 = 0 limit 20'),
]

function look(text: string) {
  return (turn: Turn): Act => ({
    edits: [],
    async run(query) {
      const { rows } = await query(text)
      checkOwn(turn, rows)
      checkOwn(
        turn,
        rows.filter(row => 'mark' in row).map(({ mark }) => ({ tag: mark })),
      )
    },
  })
}
