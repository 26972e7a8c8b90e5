import { promisify } from 'node:util'
import type { TenantClient } from '@tenantry/pg'
import type pg from 'pg'
import { transaction } from '../transaction.ts'
import { checkOwn, expectThat, type Operation, refused, type Turn } from '../turn.ts'

const allTags = 'select tag from notes order by id'

/** Whether code runs in the context of the tenant who asked for it. */
function checkContext(turn: Turn): void {
  const current = turn.world.tenancy.maybeCurrent()?.id
  expectThat(current === turn.tenant.id, `${turn.tenant.id} was called back as ${current}`)
}

export const contextOperations: readonly Operation[] = [
  {
    name: 'callbacks',
    share: 3,
    async run(turn) {
      const { db } = turn
      const ask = promisify((text: string, done: (error: Error | null, result?: pg.QueryResult) => void) =>
        db.query(text, [], (error, result) => {
          const verdict = contextOf(turn)
          done(error ?? verdict ?? null, result)
        }),
      )
      checkOwn(turn, (await ask(allTags))?.rows ?? [])
    },
  },
  {
    name: 'lease by callback, with a listener',
    share: 1,
    async run(turn) {
      const lease = promisify((done: (error: Error | null, client?: TenantClient) => void) =>
        turn.db.connect((error, client) => done(error ?? contextOf(turn) ?? null, client)),
      )
      const client = await lease()
      if (client === undefined) return
      try {
        let heard: Error | undefined
        client.on('notice', () => {
          heard = contextOf(turn)
        })
        await client.query('select tell()')
        if (heard !== undefined) throw heard
        checkOwn(turn, (await client.query(allTags)).rows)
      } finally {
        client.release()
      }
    },
  },
  {
    name: 'a lease in the hands of another tenant',
    share: 1,
    run: turn =>
      transaction(turn, async client => {
        const lent = { tenant: turn.tenant.id, client }
        const { lent: market } = turn.world
        const found = turn.random.pick([...market, undefined])
        market.add(lent)
        try {
          if (found !== undefined && found.tenant !== turn.tenant.id) {
            // Closed, when its owner is done with it already.
            await refused(turn, ['SCOPE_MISMATCH', 'SCOPE_CLOSED'], () => found.client.query(allTags))
          }
          checkOwn(turn, (await client.query('select tag, pg_sleep(0.001) from notes limit 2')).rows)
        } finally {
          market.delete(lent)
        }
      }),
  },
  {
    name: 'without a tenant',
    share: 1,
    run: turn => refused(turn, ['TENANT_CONTEXT_MISSING'], () => turn.world.outside(() => turn.db.query(allTags))),
  },
]

/** What is wrong with the context, if anything; for places where nobody would catch it. */
function contextOf(turn: Turn): Error | undefined {
  try {
    checkContext(turn)
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
