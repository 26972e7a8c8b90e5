import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import type { SharedReadsOptions, TenantPool } from '../src/index.ts'
import { pids, type SharingBench, useSharingDatabase } from './sharing-database.ts'
import { failure, refusal, turn } from './support.ts'

const mine = 'select tenant_id, pg_backend_pid() as pid from notes'
const echo = 'select tenant_id, $1::text as said from notes'
const plain = 'select id from plain'

describePostgres('reads that share a connection', server => {
  const { db, open: openPlain, admin } = useSharingDatabase(server)

  /** All is short here, so that no busy machine decides what shares. */
  async function open(
    config: pg.PoolConfig = {},
    sharedReads: SharedReadsOptions = {},
    texts: readonly string[] = [mine],
  ): Promise<SharingBench> {
    const opened = openPlain(config, { sharedReads: { connections: 1, short: 60_000, ...sharedReads } })
    for (const text of texts) await opened.acme.query(text, text === echo ? ['x'] : [])
    await turn()
    return opened
  }

  describe('get no answer of another', () => {
    const saying = (tenant: TenantPool, said: string) => tenant.query(echo, [said]).then(({ rows }) => rows)

    // While pg has not settled the one that it could not send, the next comes.
    it.each([
      ['a value that throws', 'bad value', {}],
      ['a name that has another text', 'Prepared statements must be unique', { name: 'taken' }],
    ])('when the first on a connection is refused before it is sent: %s', async (_, refused, more) => {
      const { acme: a, globex: g } = await open({}, {}, [echo])
      await a.query({ name: 'taken', text: mine })
      const started: Promise<unknown>[] = []
      const value = {
        toPostgres() {
          queueMicrotask(() => started.push(saying(a, 'to acme')))
          if (refused === 'bad value') throw new Error(refused)
          return 'good value'
        },
      }
      const error = await failure(a.query({ text: echo, values: [value], ...more }))
      expect(error.message).toContain(refused)
      await turn()
      expect(await saying(g, 'to globex')).toEqual([{ tenant_id: 'globex', said: 'to globex' }])
      expect(await Promise.all(started)).toEqual([[{ tenant_id: 'acme', said: 'to acme' }]])
    })

    it('when some of many cannot be sent', async () => {
      const { acme: a, globex: g } = await open({ max: 2 }, {}, [echo])
      const circular: Record<string, unknown> = {}
      circular.self = circular
      const odd: unknown[] = []
      async function worker(number: number): Promise<void> {
        const [tenant, id] = number % 2 === 0 ? [a, 'acme'] : [g, 'globex']
        for (let wait = 0; wait < number; wait++) await undefined
        for (let time = 0; time < 100; time++) {
          if (number % 3 === 0) await tenant.query(echo, [circular]).catch(() => undefined)
          const rows = await saying(tenant, `${id} ${time}`)
          if (rows.length !== 1 || rows[0].tenant_id !== id || rows[0].said !== `${id} ${time}`) odd.push(rows)
        }
      }
      await Promise.all(Array.from({ length: 8 }, (_, number) => worker(number)))
      expect(odd).toEqual([])
    })

    it('when the host writes between them on a client that it has kept', async () => {
      const { pool, acme: a, globex: g } = await open({}, {}, [mine, plain])
      const owner = await admin()
      let kept: pg.PoolClient | undefined
      pool.on('acquire', client => {
        kept = client
      })
      const ratio = (by: number) => ({
        name: 'r',
        text: 'select tenant_id, 10 / $1::int as ratio from notes',
        values: [by],
      })
      await a.query(ratio(1))
      // On a new connection it is prepared, and not yet described.
      ;(await a.connect()).release(true)
      await turn()
      await refusal(a.query(ratio(0)))
      await owner.query('begin; lock table plain')
      const reads = [a.query(plain), g.query(mine)].map(read => read.then(() => 'answered', refusalOf))
      await sleep(20)
      const ping = kept?.query('select 1 as one')
      const behind = g.query(ratio(5)).then(({ rows }) => rows, refusalOf)
      await sleep(20)
      await owner.query('commit')
      await Promise.allSettled([ping])
      for (const outcome of await Promise.all(reads)) expect(['answered', 'CONNECTION_LOST']).toContain(outcome)
      expect(await behind).toBe('CONNECTION_LOST')
      expect((await g.query(ratio(5))).rows).toEqual([{ tenant_id: 'globex', ratio: 2 }])
    })
  })

  it('do not see what one in front has set for the session: they are refused', async () => {
    const owner = await admin()
    await owner.query(`create function sometimes(yes boolean) returns text language sql as
      $$ select case when yes then set_config('DateStyle', 'German', false) end $$`)
    const setting = 'select sometimes($1) from notes'
    const style = "select current_setting('DateStyle') as style from notes"
    const { acme: a, globex: g } = await open({ max: 2 }, {}, [style])
    await a.query(setting, [false])
    await turn()
    const outcomes = await Promise.all([a.query(setting, [true]).then(() => 'done'), refusal(g.query(style))])
    expect(outcomes).toEqual(['done', 'CONNECTION_LOST'])
    expect((await g.query(style)).rows).toEqual([{ style: 'ISO, MDY' }])
    // What has done so once shares no more.
    await a.query(setting, [false])
    await turn()
    const [, after] = await Promise.all([a.query(setting, [true]), g.query(style)])
    expect(after.rows).toEqual([{ style: 'ISO, MDY' }])
  })

  describe('let nobody hang who waits for what is behind them', () => {
    it('one that waits for a lock gives way, and is run again when the lock is gone', async () => {
      const { acme: a, globex: g } = await open({ max: 4 }, { short: 20 }, [mine, plain, mine, plain])
      const owner = await admin()
      await owner.query("insert into plain values (1, 'x') on conflict do nothing")
      await owner.query('begin; lock table plain')
      const stuck = a.query(plain)
      // Whoever has the lock ends only after this.
      expect((await g.query(mine)).rows).toMatchObject([{ tenant_id: 'globex' }])
      await owner.query('commit')
      expect((await stuck).rows).toEqual([{ id: 1 }])
    })

    it('what its own timeout ends is not run again', async () => {
      const { acme: a, tap } = await open({ statement_timeout: 50 })
      const owner = await admin()
      await owner.query('begin; lock table notes')
      tap.reset()
      expect(await Promise.all([refusal(a.query(mine)), refusal(a.query(mine))])).toEqual(
        Array(2).fill('not refused: 57014'),
      )
      expect(tap.sent().filter(({ type }) => type === 'Sync')).toHaveLength(2)
      await owner.query('commit')
    })
  })

  describe('that wait for a connection', () => {
    it.each([1, 2, 4])('are all refused in time, where %i are taken before any is shared', async connections => {
      const config = { max: connections, connectionTimeoutMillis: 100 }
      const { acme: a, globex: g } = await open(config, { connections })
      const leases = await Promise.all(Array.from({ length: connections }, () => a.connect()))
      const errors = await Promise.all(Array.from({ length: 9 }, (_, at) => failure((at % 2 ? a : g).query(mine))))
      expect(errors.map(({ code }) => code)).toEqual(Array(9).fill('DATABASE_UNAVAILABLE'))
      // What is told to one is not told to another.
      expect(new Set(errors).size).toBe(9)
      for (const lease of leases) lease.release()
      expect((await a.query(mine)).rows).toHaveLength(1)
    })

    it('are refused when the server is away, which is not asked again and again', async () => {
      let isDown = false
      let sockets = 0
      function stream(): Socket {
        sockets += 1
        const socket = new Socket()
        const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
        if (isDown) socket.connect = () => socket.destroy(refused)
        return socket
      }
      const { pool, acme: a } = await open({ max: 8, stream, idleTimeoutMillis: 1 }, { connections: 4 })
      while (pool.totalCount > 0) await sleep(5)
      isDown = true
      sockets = 0
      expect(await Promise.all(Array.from({ length: 6 }, () => refusal(a.query(mine))))).toEqual(
        Array(6).fill('DATABASE_UNAVAILABLE'),
      )
      expect(sockets).toBeLessThanOrEqual(6)
      isDown = false
      expect((await a.query(mine)).rows).toHaveLength(1)
    })

    it('are refused when the pool ends, which ends', async () => {
      const { pool, acme: a } = await open({ max: 2 }, { connections: 2 })
      const leases = [await a.connect(), await a.connect()]
      const waiting = Array.from({ length: 20 }, () => refusal(a.query(mine)))
      await turn()
      const ended = pool.end()
      for (const lease of leases) lease.release()
      expect(await Promise.all(waiting)).toEqual(Array(20).fill('SCOPE_CLOSED'))
      await ended
    })

    it('hear of a client that cannot be made, and those after them of nothing', async () => {
      let isBroken = false
      class Client extends pg.Client {
        constructor(config?: pg.ClientConfig) {
          if (isBroken) throw new Error('ENOENT: no such certificate')
          super(config)
        }
      }
      const { pool, acme: a } = await open({ max: 2, idleTimeoutMillis: 1, Client } as pg.PoolConfig)
      while (pool.totalCount > 0) await sleep(5)
      isBroken = true
      expect(await refusal(a.query(mine))).toBe('DATABASE_UNAVAILABLE')
      isBroken = false
      expect(await Promise.all([1, 2, 3].map(async () => (await a.query(mine)).rows.length))).toEqual([1, 1, 1])
    })
  })

  it('let a lease go first also while another connection is being opened', async () => {
    let isStuck = false
    function stream(): Socket {
      const socket = new Socket()
      if (isStuck) socket.connect = () => socket
      return socket
    }
    const { acme: a, globex: g } = await open({ max: 2, stream, connectionTimeoutMillis: 2_000 }, { depth: 2 })
    isStuck = true
    let isReading = true
    let reads = 0
    async function reader(): Promise<void> {
      for (; isReading; reads++) await a.query(mine)
    }
    const readers = [reader(), reader(), reader()]
    while (reads < 100) await sleep(1)
    const before = reads
    const lease = await g.connect()
    expect(reads - before).toBeLessThan(20)
    isReading = false
    lease.release()
    await Promise.allSettled(readers)
  })

  describe('are known by how long they took', () => {
    it('which a run that failed does not tell', async () => {
      const text = 'select pg_backend_pid() as pid, 10 / $1::int as ratio from notes'
      const { acme: a } = await open({ max: 2 })
      await refusal(a.query(text, [0]))
      await turn()
      expect(pids(await Promise.all([a.query(mine), a.query(text, [1])]))).toBe(2)
    })

    it('not by what the host has left on the connection before them', async () => {
      const { pool, acme: a } = await open({}, {}, [plain])
      const host = await pool.connect()
      await host.query("set datestyle = 'German'")
      host.release()
      await a.query(mine)
      await turn()
      const owner = await admin()
      await owner.query('begin; lock table notes')
      const reads = [a.query(mine), a.query(mine)]
      // Both are with the server, though it has come to none.
      await sleep(50)
      expect(pool.waitingCount).toBe(0)
      await owner.query('commit')
      expect(pids(await Promise.all(reads))).toBe(1)
    })

    it('and go on sharing after a connection was lost', async () => {
      const { acme: a } = await open({ max: 2 })
      const killer = await admin()
      await killer.query('begin; lock table notes')
      const lost = refusal(a.query(mine))
      const blocked = `select pid from pg_locks where relation = 'notes'::regclass and not granted`
      while ((await killer.query(blocked)).rows.length === 0) await sleep(5)
      await killer.query(`select pg_terminate_backend(pid, 5000) from (${blocked}) as waiting`)
      expect(await lost).toBe('CONNECTION_LOST')
      await killer.query('commit')
      await a.query(mine)
      expect(pids(await Promise.all([a.query(mine), a.query(mine)]))).toBe(1)
    })
  })

  it.each([
    ['in the connection string', (url: string) => `${url}?query_timeout=5000`, undefined],
    ['in the defaults of pg', (url: string) => url, 5_000],
  ])('do not where the client gives up by itself: %s', async (_, urlOf, value) => {
    const defaults = pg.defaults as { query_timeout?: number | false }
    if (value !== undefined) defaults.query_timeout = value
    try {
      const { acme: a } = await open({ max: 2, connectionString: urlOf(db.database.runtimeUrl) })
      expect(pids(await Promise.all([a.query(mine), a.query(mine)]))).toBe(2)
    } finally {
      defaults.query_timeout = false
    }
  })
})

/** The code that somebody is refused with. */
function refusalOf(error: unknown): Promise<string> {
  return refusal(Promise.reject(error))
}
