import { type Act, someAct, someAddition } from '../acts.ts'
import type { Edit } from '../model.ts'
import { transaction } from '../transaction.ts'
import { editing, type Operation, queryOf, refused, type Turn } from '../turn.ts'

function undone({ id, before }: Edit): Edit {
  return { id, before, after: before }
}

function someActs(turn: Turn): Act[] {
  return Array.from({ length: 1 + turn.random.int(3) }, () => someAct(turn))
}

/** Rows whose fate was unknown are removed in the end, so that they do not fill the tables. */
async function sweep(turn: Turn): Promise<void> {
  const stale = turn.rows.takeStale(performance.now())
  if (stale.length > 0) await turn.db.query('delete from notes where id = any($1)', [stale])
}

class Thrown extends Error {}

export const ordinaryOperations: readonly Operation[] = [
  {
    name: 'single statement',
    share: 40,
    async run(turn) {
      if (turn.random.chance(0.05)) await sweep(turn)
      const act = someAct(turn)
      await editing(turn, act.edits, sent => {
        sent()
        return act.run(queryOf(turn, turn.db))
      })
    },
  },
  {
    name: 'transaction',
    share: 10,
    async run(turn) {
      const acts = someActs(turn)
      await editing(
        turn,
        acts.flatMap(({ edits }) => edits),
        sent =>
          transaction(
            turn,
            async client => {
              for (const act of acts) await act.run(queryOf(turn, client))
            },
            sent,
          ),
      )
    },
  },
  {
    name: 'rollback',
    share: 4,
    async run(turn) {
      const acts = someActs(turn)
      await editing(turn, acts.flatMap(({ edits }) => edits).map(undone), () =>
        transaction(turn, async client => {
          for (const act of acts) await act.run(queryOf(turn, client))
          await client.query('rollback')
          await client.query('begin')
        }),
      )
    },
  },
  {
    name: 'rollback to a savepoint',
    share: 3,
    async run(turn) {
      const [kept, lost, last] = [someAct(turn), someAct(turn), someAct(turn)]
      await editing(turn, [...kept.edits, ...lost.edits.map(undone), ...last.edits], sent =>
        transaction(
          turn,
          async client => {
            const query = queryOf(turn, client)
            await kept.run(query)
            await client.query('savepoint here')
            await lost.run(query)
            if (turn.random.chance(0.5)) await refused(turn, ['22012'], () => client.query('select 1 / 0'))
            await client.query('rollback to savepoint here')
            await last.run(query)
          },
          sent,
        ),
      )
    },
  },
  {
    name: 'throwing in the middle',
    share: 3,
    async run(turn) {
      const act = someAddition(turn)
      const cause = new Thrown('in the middle')
      await editing(turn, act.edits.map(undone), async () => {
        try {
          await transaction(turn, async client => {
            await act.run(queryOf(turn, client))
            throw cause
          })
        } catch (error) {
          if (error !== cause) throw error
        }
      })
    },
  },
]
