import type { TenantClient } from '@tenantry/pg'
import type pg from 'pg'
import { someAddition } from '../acts.ts'
import { readByCursor } from '../cursor.ts'
import { driverCodes } from '../error-code.ts'
import { leasing, transaction } from '../transaction.ts'
import { checkOwn, editing, type Operation, queryOf, refused, type Turn } from '../turn.ts'

const allTags = 'select tag from notes order by id'

// What would change others' statements, or stop them, if it stayed in the session.
const plants = [
  `select set_config('search_path', 'pg_catalog', false)`,
  `select set_config('row_security', 'off', false)`,
  `select set_config('default_transaction_read_only', 'on', false)`,
  'select pg_try_advisory_lock(hashtext(current_user))',
]

/** @param more - statements that leave a tenant in the session. */
export const leaseOperations = (more: (turn: Turn) => readonly string[]): readonly Operation[] => [
  {
    name: 'cursor in a transaction',
    share: 1,
    // A cursor speaks the protocol itself, and its errors come from pg as they are: 25P02 where what carries its tenant was cancelled.
    expects: ['25P02', ...driverCodes],
    run: turn => transaction(turn, client => readByCursor(client, allTags, rows => checkOwn(turn, rows))),
  },
  {
    name: 'declared cursor',
    share: 2,
    run: turn =>
      transaction(turn, async client => {
        await client.query(`declare mine no scroll cursor for ${allTags}`)
        for (let got = 1; got > 0; ) got = checkOwn(turn, (await client.query('fetch 3 from mine')).rows).length
        await refused(turn, ['STATEMENT_REFUSED'], () => client.query(`declare held cursor with hold for ${allTags}`))
      }),
  },
  {
    name: 'use after release',
    share: 2,
    async run(turn) {
      const kept: { client?: TenantClient } = {}
      await leasing(turn, async client => {
        kept.client = client
        if (turn.random.chance(0.5)) checkOwn(turn, (await client.query(allTags)).rows)
      })
      // Let somebody else get the connection first.
      if (turn.random.chance(0.5)) await new Promise(setImmediate)
      await refused(turn, ['SCOPE_CLOSED'], async () => checkOwn(turn, (await kept.client?.query(allTags))?.rows ?? []))
      await refused(turn, ['SCOPE_CLOSED'], () => kept.client?.release())
    },
  },
  {
    name: 'floating promise',
    share: 1,
    async run(turn) {
      let floating: Promise<pg.QueryResult> | undefined
      await leasing(turn, async client => {
        await client.query('begin')
        floating = client.query('select tag, pg_sleep(0.001) from notes limit 3')
        // Looked at below; a rejection in the meantime has been handled.
        floating.catch(() => undefined)
      })
      checkOwn(turn, (await floating)?.rows ?? [])
    },
  },
  {
    name: 'released dirty',
    share: 2,
    async run(turn) {
      const act = someAddition(turn)
      const edits = act.edits.map(({ id, before }) => ({ id, before, after: before }))
      await editing(turn, edits, () =>
        leasing(turn, async client => {
          await client.query('begin')
          await act.run(queryOf(turn, client))
          if (turn.random.chance(0.3)) await refused(turn, ['22012'], () => client.query('select 1 / 0'))
        }),
      )
    },
  },
  {
    name: 'planted session state',
    share: 1,
    async run(turn) {
      const plant = turn.random.pick([...plants, ...more(turn)])
      const alone = turn.random.chance(0.5)
      async function planting(): Promise<void> {
        if (alone) await turn.db.query(plant)
        else await leasing(turn, client => client.query(plant))
      }
      // Directly the connection is reset before the next one gets it; a pooler's session cannot be.
      if (turn.world.route === 'direct') await planting()
      else await refused(turn, ['STATEMENT_REFUSED'], planting)
    },
  },
]
