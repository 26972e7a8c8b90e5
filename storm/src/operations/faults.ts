import type pg from 'pg'
import { someAct, someAddition } from '../acts.ts'
import { leasing, transaction } from '../transaction.ts'
import { checkOwn, editing, type Operation, queryOf, refused, type Turn } from '../turn.ts'
import { wireCancel } from '../wire-cancel.ts'

async function cancelAnyClient(turn: Turn): Promise<void> {
  const clients = [...turn.world.subject.clients]
  // While the pooler is down there is none.
  if (clients.length === 0) return
  const client = turn.random.pick(clients)
  const { host, port, processID, secretKey } = client as pg.Client & { processID: number; secretKey: number }
  await wireCancel({ host, port, processId: processID, secretKey })
}

/** Long enough that faults find something to strike. */
async function slowRead(turn: Turn): Promise<void> {
  const { rows } = await turn.db.query('select tag, pg_sleep(0.001) from notes limit 5')
  checkOwn(turn, rows)
}

/** Waits for both, so that nothing of an operation goes on after it. */
async function both(fault: Promise<void>, work: Promise<void>): Promise<void> {
  const [struck, done] = await Promise.allSettled([fault, work])
  if (struck.status === 'rejected') throw struck.reason
  if (done.status === 'rejected') throw done.reason
}

export const faultOperations: readonly Operation[] = [
  {
    name: 'killed by an administrator',
    share: 3,
    run: turn => both(turn.world.subject.strike('terminate', turn.random), slowRead(turn)),
  },
  {
    name: 'kills its own connection',
    share: 1,
    run: turn => refused(turn, ['CONNECTION_LOST'], () => turn.db.query('select die()')),
  },
  {
    name: 'killed in a transaction',
    share: 1,
    async run(turn) {
      const act = someAddition(turn)
      // Nothing of it may be there afterwards: COMMIT was never sent.
      const edits = act.edits.map(({ id, before }) => ({ id, before, after: before }))
      await editing(turn, edits, () =>
        refused(turn, ['CONNECTION_LOST'], () =>
          transaction(turn, async client => {
            await act.run(queryOf(turn, client))
            await client.query('select die()')
          }),
        ),
      )
    },
  },
  {
    name: 'cancelled by an administrator',
    share: 2,
    run: turn => both(turn.world.subject.strike('cancel', turn.random), slowRead(turn)),
  },
  {
    name: 'cancelled on the wire',
    share: 1,
    run: turn => both(cancelAnyClient(turn), slowRead(turn)),
  },
  {
    name: 'statement timeout',
    share: 1,
    async run(turn) {
      const act = someAct(turn)
      const edits = act.edits.map(({ id, before }) => ({ id, before, after: before }))
      await editing(turn, edits, () =>
        refused(turn, ['57014'], () =>
          transaction(turn, async client => {
            await act.run(queryOf(turn, client))
            await client.query("set local statement_timeout = '5ms'")
            await client.query('select pg_sleep(0.1)')
          }),
        ),
      )
    },
  },
  {
    name: 'client timeout',
    share: 1,
    async run(turn) {
      // Long enough for a machine that is busy with other things.
      const text = 'select tag, pg_sleep(0.1) from notes limit 2'
      const slow = { text, query_timeout: 5 } as pg.QueryConfig
      if (turn.random.chance(0.5)) return refused(turn, ['QUERY_TIMEOUT'], () => turn.db.query(slow))
      const act = someAddition(turn)
      const edits = act.edits.map(({ id, before }) => ({ id, before, after: before }))
      await editing(turn, edits, () =>
        refused(turn, ['QUERY_TIMEOUT'], () =>
          leasing(turn, async client => {
            await client.query('begin')
            await act.run(queryOf(turn, client))
            await client.query(slow)
          }),
        ),
      )
    },
  },
]
