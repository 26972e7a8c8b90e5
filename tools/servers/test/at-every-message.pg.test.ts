import assert from 'node:assert/strict'
import { Client } from 'pg'
import { afterAll, beforeAll, it } from 'vitest'
import { atEveryMessage, type FaultProxy, type FreshDatabase } from '../src/index.ts'
import { describePostgres } from '../src/vitest/index.ts'

const using = async <T>(url: string, work: (client: Client) => Promise<T>): Promise<T> => {
  const client = new Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

describePostgres(
  'a fault at every message',
  pg => {
    let database: FreshDatabase
    let owner: Client
    beforeAll(async () => {
      database = await pg.freshDatabase()
      owner = new Client({ connectionString: database.ownerUrl })
      await owner.connect()
      await owner.query(`create table notes (id int); grant insert on notes to ${database.runtimeRole}`)
    })
    afterAll(() => owner.end())
    const insert = (proxy: FaultProxy) =>
      using(proxy.url(database.runtimeUrl), async client => {
        await client.query('begin')
        await client.query('insert into notes values ($1)', [1])
        await client.query('commit')
      })
    /** How many rows are there; leaves none. */
    const take = async () => (await owner.query('delete from notes')).rowCount

    for (const fault of ['cut', 'reset', 'truncate'] as const) {
      it(`leaves a transaction done or not done, and a client that hears of it: ${fault}`, async () => {
        const first = await atEveryMessage({
          target: database.runtimeUrl,
          fault,
          script: async proxy => {
            await take()
            await insert(proxy)
          },
          after: async ({ at, outcome }) => {
            const count = await take()
            assert.ok(count === 0 || count === 1)
            const title = `${at.on} ${at.message} ${at.nth}`
            // Told "done" means done; not told means one or the other.
            if (outcome.status === 'fulfilled') assert.equal(count, 1, title)
            if (at.on === 'frontend') assert.equal(count, at.message === 'Terminate' ? 1 : 0, title)
          },
        })
        const messages = first.map(({ at }) => at.message)
        for (const message of ['StartupMessage', 'Query', 'Bind', 'CommandComplete', 'Terminate'] as const) {
          assert.ok(messages.includes(message), message)
        }
        const fulfilled = first.filter(({ outcome }) => outcome.status === 'fulfilled').map(({ at }) => at.message)
        assert.deepEqual(fulfilled, ['Terminate'])
      })
    }

    it('says at which message a script hangs', async () => {
      const script = async (proxy: FaultProxy) => {
        try {
          await insert(proxy)
        } catch {
          await new Promise(() => undefined)
        }
      }
      await assert.rejects(
        atEveryMessage({ target: database.runtimeUrl, script, limitMs: 1_000 }),
        /The script hung: not done 1000 ms after frontend message 1 \(StartupMessage\) of connection 1\./,
      )
      await take()
    })

    it('refuses a script that does not repeat itself, or sends nothing', async () => {
      let runs = 0
      const script = (proxy: FaultProxy) =>
        using(proxy.url(database.runtimeUrl), client =>
          runs++ === 0 ? client.query('select 1') : client.query('select $1', [1]),
        )
      const messages = atEveryMessage({ target: database.runtimeUrl, script })
      await assert.rejects(messages, /does not repeat itself: a Parse instead of frontend message 4 \(Query\)/)
      await assert.rejects(
        atEveryMessage({ target: database.runtimeUrl, script: () => Promise.resolve() }),
        /sent nothing/,
      )
    })

    it('passes on what the check says', async () => {
      const after = () => assert.fail('a broken invariant')
      await assert.rejects(atEveryMessage({ target: database.runtimeUrl, script: insert, after }), /a broken invariant/)
      await take()
    })
  },
  { through: ['direct', 'pgbouncer'] },
)
