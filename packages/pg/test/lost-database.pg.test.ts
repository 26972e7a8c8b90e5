import { isTenancyError } from '@tenantry/core'
import { type PostgresServer, startDyingWay } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  backend,
  Cursor,
  closed,
  createBench,
  failure,
  leased,
  prepareDatabase,
  refusal,
  turnstile,
  useDatabase,
  whoAmI,
} from './support.ts'

describePostgres('a lost database', server => {
  const unexpected: unknown[] = []
  const note = (error: unknown) => void unexpected.push(error)
  beforeEach(() => {
    unexpected.length = 0
    process.on('unhandledRejection', note)
    process.on('uncaughtExceptionMonitor', note)
  })
  afterEach(async () => {
    await new Promise(setImmediate)
    process.off('unhandledRejection', note)
    process.off('uncaughtExceptionMonitor', note)
    expect(unexpected).toEqual([])
  })

  describe('whose server goes down', () => {
    let own: PostgresServer
    let url: string
    const pools: pg.Pool[] = []
    beforeAll(async () => {
      own = await server.ownServer()
      const database = await own.freshDatabase()
      await prepareDatabase(database)
      url = database.runtimeUrl
    })
    afterAll(async () => {
      for (const pool of pools) await pool.end()
    })

    it('gives 503, ends the work in flight, and is found again by the same pool', async () => {
      const { pool, acme, globex } = createBench(url, { max: 3 })
      pools.push(pool)
      const idle = await acme.connect()
      const lease = await globex.connect()
      await lease.query('begin')
      await lease.query("insert into notes (text) values ('lost')")
      idle.release()
      // Nothing ends a statement that sleeps but the end of its connection.
      const single = failure(acme.query('select pg_sleep(600)'))
      const inLease = failure(lease.query('select pg_sleep(600)'))
      await sleeping(url, 2)

      await own.down()
      for (const error of [await single, await inLease]) {
        expect(isTenancyError(error) && [error.code, error.status]).toEqual(['CONNECTION_LOST', 503])
      }
      expect(await refusal(lease.query('commit'))).toBe('CONNECTION_LOST')
      lease.release()
      for (const work of [acme.query('select 1'), globex.connect()]) {
        const error = await failure(work)
        expect(isTenancyError(error) && [error.code, error.status]).toEqual(['DATABASE_UNAVAILABLE', 503])
        expect(error.message).not.toMatch(/127\.0\.0\.1|localhost/)
      }

      await own.up()
      expect((await acme.query(whoAmI)).rows).toEqual([{ tenant: 'acme' }])
      expect((await globex.query("select 1 from notes where text = 'lost'")).rowCount).toBe(0)
      await leased(globex, async again => {
        await again.query('begin')
        await again.query('commit')
      })
    })
  })

  describe('that ends one connection', () => {
    const db = useDatabase(server)

    async function terminate(pid: number): Promise<void> {
      const admin = await db.connect()
      // Waits until the process is gone; its message may still be on the way.
      await admin.query('select pg_terminate_backend($1, 10000)', [pid])
    }

    it('in the middle of a statement: CONNECTION_LOST', async () => {
      const { pool, acme, globex } = db.bench()
      const gate = await turnstile(db)
      const pid = await backend(acme)
      const lost = failure(acme.query(gate.text))
      await gate.waiting()
      await terminate(pid)
      const error = await lost
      expect(error.code).toBe('CONNECTION_LOST')
      expect(error.cause).toBeInstanceOf(pg.DatabaseError)
      expect((await globex.query(whoAmI)).rows).toEqual([{ tenant: 'globex' }])
      expect(pool.totalCount).toBe(1)
    })

    it('in the middle of a transaction: CONNECTION_LOST, and the transaction is undone', async () => {
      const { acme, globex, tap } = db.bench()
      const lease = await acme.connect()
      await lease.query('begin')
      await lease.query("insert into notes (text) values ('lost')")
      const pid = await backend(lease)
      const [socket] = tap.sockets
      const gone = socket && closed(socket)
      await terminate(pid)
      await gone
      expect(await refusal(lease.query('commit'))).toBe('CONNECTION_LOST')
      expect(await refusal(() => lease.query(new Cursor('select 1')))).toBe('CONNECTION_LOST')
      lease.release()
      expect((await globex.query(whoAmI)).rows).toEqual([{ tenant: 'globex' }])
      expect((await acme.query("select 1 from notes where text = 'lost'")).rowCount).toBe(0)
    })

    it('with several statements queued: each of them ends', async () => {
      const { acme } = db.bench()
      const gate = await turnstile(db)
      await leased(acme, async lease => {
        const pid = await backend(lease)
        const lost = [gate.text, 'select 1', 'select 2'].map(text => refusal(lease.query(text)))
        await gate.waiting()
        await terminate(pid)
        expect(await Promise.all(lost)).toEqual(['CONNECTION_LOST', 'CONNECTION_LOST', 'CONNECTION_LOST'])
      })
    })

    it('in the middle of a cursor: it fails, and the connection is not used again', async () => {
      const { acme, globex, tap } = db.bench()
      const lease = await acme.connect()
      await lease.query('begin')
      const pid = await backend(lease)
      const cursor = lease.query(new Cursor('select generate_series(1, 9)'))
      await cursor.read(1)
      const [socket] = tap.sockets
      const gone = socket && closed(socket)
      await terminate(pid)
      await gone
      await failure(cursor.read(1))
      await cursor.close()
      expect(await refusal(lease.query('commit'))).toBe('CONNECTION_LOST')
      lease.release()
      expect((await globex.query(whoAmI)).rows).toEqual([{ tenant: 'globex' }])
    })

    it('while it is idle: the pool drops it, though nobody listens to its errors', async () => {
      const { pool, acme, tap } = db.bench()
      const pid = await backend(acme)
      const [socket] = tap.sockets
      const gone = socket && closed(socket)
      await terminate(pid)
      await gone
      expect((await acme.query(whoAmI)).rows).toEqual([{ tenant: 'acme' }])
      expect(pool.totalCount).toBe(1)
    })

    it('as soon as it is open, in the packet that says so: nothing ends but what waits for it', async () => {
      const { url, close } = await startDyingWay(db.database.runtimeUrl)
      // Several connections, for the later ones are asked for in another way.
      const { pool, acme } = createBench(url, { max: 2 })
      expect(await refusal(acme.query('select 1'))).toMatch(/^(?:CONNECTION_LOST|DATABASE_UNAVAILABLE)$/)
      expect(await refusal(leased(acme, lease => lease.query('select 1')))).toMatch(
        /^(?:CONNECTION_LOST|DATABASE_UNAVAILABLE)$/,
      )
      // Nobody of ours has asked for this one.
      const raw = await pool.connect()
      await new Promise(setImmediate)
      raw.release(true)
      await pool.end()
      close()
    })

    it('but a cancelled statement is just an error', async () => {
      const { acme } = db.bench()
      const gate = await turnstile(db)
      const admin = await db.connect()
      const pid = await backend(acme)
      const cancelled = failure(acme.query(gate.text))
      await gate.waiting()
      await admin.query('select pg_cancel_backend($1)', [pid])
      expect((await cancelled).code).toBe('57014')
      expect(await backend(acme)).toBe(pid)
    })
  })

  async function sleeping(connectionString: string, count: number): Promise<void> {
    const client = new pg.Client(connectionString)
    await client.connect()
    for (;;) {
      const { rows } = await client.query("select count(*)::int from pg_stat_activity where wait_event = 'PgSleep'")
      if (rows[0].count === count) break
    }
    await client.end()
  }
})
