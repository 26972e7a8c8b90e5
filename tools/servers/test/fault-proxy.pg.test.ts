import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { beforeAll, it, onTestFinished } from 'vitest'
import {
  type BackendMessage,
  type FaultProxyOptions,
  type FreshDatabase,
  type FrontendMessage,
  startFaultProxy,
} from '../src/index.ts'
import { describePostgres } from '../src/vitest/index.ts'

const connected = async (url: string) => {
  const client = new Client({ connectionString: url })
  // What breaks while nothing runs: the next statement reports it.
  client.on('error', () => undefined)
  await client.connect()
  onTestFinished(() => client.end())
  return client
}
const answer = { text: 'select $1::int as answer', values: [42] }

describePostgres(
  'a fault proxy',
  pg => {
    let database: FreshDatabase
    beforeAll(async () => {
      database = await pg.freshDatabase()
    })
    const start = async (options: Partial<FaultProxyOptions> = {}) => {
      const proxy = await startFaultProxy({ target: database.runtimeUrl, ...options })
      onTestFinished(proxy.close)
      return { proxy, connect: () => connected(proxy.url(database.runtimeUrl)) }
    }

    it('changes nothing without a rule, and counts what passes', async () => {
      const { proxy, connect } = await start()
      const client = await connect()
      proxy.resetCounts()
      const text = 'x'.repeat(3_000_000)
      assert.deepEqual((await client.query('select $1::text as text', [text])).rows, [{ text }])
      for (const message of ['Parse', 'Bind', 'Execute', 'Sync'] as const) {
        assert.equal(proxy.count('frontend', message), 1, message)
      }
      assert.equal(proxy.count('backend', 'ReadyForQuery'), 1)
      await client.query('select 1')
      assert.equal(proxy.count('frontend', 'Query'), 1)
      assert.equal(proxy.count('backend', 'ReadyForQuery'), 2)
      await client.end()
      while (proxy.open > 0) await sleep(5)
    })

    const frontend: FrontendMessage[] = ['Parse', 'Bind', 'Describe', 'Execute', 'Sync']
    const backend: BackendMessage[] = [
      'ParseComplete',
      'BindComplete',
      'RowDescription',
      'DataRow',
      'CommandComplete',
      'ReadyForQuery',
    ]
    const places = [
      ...frontend.map(message => ({ on: 'frontend', message }) as const),
      ...backend.map(message => ({ on: 'backend', message }) as const),
    ]
    const endings = [
      { fault: 'cut', error: { message: 'Connection terminated unexpectedly' } },
      { fault: 'truncate', error: { message: 'Connection terminated unexpectedly' } },
      { fault: 'reset', error: { code: 'ECONNRESET' } },
    ] as const
    for (const { fault, error } of endings) {
      it(`shows a client what it should see when a ${fault} strikes any message of a statement`, async () => {
        const { proxy, connect } = await start()
        for (const place of places) {
          const client = await connect()
          const rule = proxy.rule({ ...place, fault })
          await assert.rejects(client.query(answer), error, place.message)
          assert.equal(rule.struck, 1)
          rule.remove()
          const other = await connect()
          assert.deepEqual((await other.query(answer)).rows, [{ answer: 42 }])
        }
      })

      it(`ends the login of a client when a ${fault} strikes it`, async () => {
        const { proxy, connect } = await start()
        for (const message of ['StartupMessage', 'Password'] as const) {
          const rule = proxy.rule({ on: 'frontend', message, fault })
          await assert.rejects(connect(), error)
          rule.remove()
        }
        const rule = proxy.rule({ on: 'backend', message: 'ReadyForQuery', fault })
        await assert.rejects(connect(), error)
        rule.remove()
      })
    }

    it('delays a message and what follows it', async () => {
      const { proxy, connect } = await start()
      const client = await connect()
      for (const place of places) {
        const rule = proxy.rule({ ...place, fault: { delay: 40 } })
        const begun = performance.now()
        assert.deepEqual((await client.query(answer)).rows, [{ answer: 42 }])
        assert.ok(performance.now() - begun >= 39, place.message)
        assert.equal(rule.struck, 1)
        rule.remove()
      }
    })

    it('holds the answer to a commit that others see already', async () => {
      await (await connected(database.ownerUrl)).query(
        `create table held (id int); grant insert, select on held to ${database.runtimeRole}`,
      )
      const { proxy, connect } = await start()
      const [client, other] = [await connect(), await connect()]
      const rule = proxy.rule({ on: 'backend', message: 'CommandComplete', connection: 1, fault: 'hold' })
      let answered = false
      const insert = client.query('insert into held values (1)').then(() => {
        answered = true
      })
      await rule.reached
      assert.deepEqual((await other.query('select id from held')).rows, [{ id: 1 }])
      assert.equal(answered, false)
      rule.release()
      await insert
    })

    it('lets a late cancel request hit the next statement of the connection', async () => {
      const { proxy, connect } = await start()
      const client = await connect()
      const rule = proxy.rule({ on: 'frontend', message: 'CancelRequest', fault: 'hold' })
      const sleeping = client.query('select pg_sleep(0.1)')
      const { processID, secretKey } = client as unknown as { processID: number; secretKey: number }
      const request = Buffer.alloc(16)
      for (const [index, value] of [16, 80_877_102, processID, secretKey].entries())
        request.writeInt32BE(value, index * 4)
      const canceller = connectTo(proxy.port, '127.0.0.1')
      const closed = once(canceller.resume(), 'close')
      canceller.write(request)
      await rule.reached
      await sleeping
      const next = client.query('select pg_sleep(10)')
      // Sent, and running by the time the server has forked a process for the request.
      await sleep(50)
      rule.release()
      await assert.rejects(next, { code: '57014' })
      // Who cancels waits for the other side's end: PgBouncer 1.18 dies of one that leaves early (pgbouncer#801).
      await closed
    })

    it('strikes the nth message, of a connection, of each, or with certain bytes', async () => {
      const { proxy, connect } = await start()
      const [one, two] = [await connect(), await connect()]
      const statement = (sql: string) =>
        ({ on: 'frontend', message: 'Query', match: (bytes: Buffer) => bytes.includes(sql) }) as const
      const third = proxy.rule({ ...statement('select 3'), nth: 3, fault: { delay: 0 } })
      const each = proxy.rule({ ...statement('select 3'), nth: 2, connection: 'each', fault: { delay: 0 } })
      const second = proxy.rule({ ...statement('select 3'), connection: 2, fault: { delay: 0 } })
      for (const client of [one, two, one, two]) await client.query('select 3')
      await one.query('select 4')
      assert.deepEqual([third.struck, each.struck, second.struck], [1, 2, 2])
    })

    it('closes although a message is held', async () => {
      const { proxy, connect } = await start()
      const client = await connect()
      const rule = proxy.rule({ on: 'backend', message: 'any', fault: 'hold' })
      const lost = assert.rejects(client.query('select 1'))
      await rule.reached
      await proxy.close()
      await lost
      await assert.rejects(connect(), { code: 'ECONNREFUSED' })
    })

    it('does not keep the error of a match to itself', async () => {
      const proxy = await startFaultProxy({ target: database.runtimeUrl })
      const client = await connected(proxy.url(database.runtimeUrl))
      const match = () => {
        throw new Error('a mistake in the test')
      }
      proxy.rule({ on: 'frontend', message: 'Query', match, fault: 'cut' })
      await assert.rejects(client.query('select 1'), { code: 'ECONNRESET' })
      await assert.rejects(proxy.close(), /a mistake in the test/)
    })
  },
  { through: ['direct', 'pgbouncer'] },
)
