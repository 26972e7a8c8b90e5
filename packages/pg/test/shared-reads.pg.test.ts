import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describePostgres } from '@tenantry/servers/vitest'
import type pg from 'pg'
import { describe, expect, it } from 'vitest'
import type { ScopedPoolOptions, SharedReadsOptions } from '../src/index.ts'
import { pids, type SharingBench, useSharingDatabase } from './sharing-database.ts'
import { failure, refusal } from './support.ts'

function anotherPg(): typeof pg {
  const require = createRequire(import.meta.url)
  const folder = dirname(require.resolve('pg'))
  const before = Object.entries(require.cache).filter(([path]) => path.startsWith(folder))
  for (const [path] of before) delete require.cache[path]
  const other = require('pg') as typeof pg
  for (const [path, module] of before) require.cache[path] = module
  return other
}

const mine = 'select tenant_id, pg_backend_pid() as pid from notes'

describePostgres('short reads', server => {
  const { db, open, admin } = useSharingDatabase(server)
  // What is short is not a matter of how busy the machine is.
  const sharedReads = { connections: 1, short: 60_000 }
  /** With one connection before any is shared, and a text that was seen to be short on it. */
  async function warm(text: string, config: pg.PoolConfig = {}, more: SharedReadsOptions = {}): Promise<SharingBench> {
    const opened = open(config, { sharedReads: { ...sharedReads, ...more } })
    await opened.acme.query(text)
    opened.tap.reset()
    return opened
  }
  const syncs = ({ tap }: SharingBench) => tap.sent().filter(({ type }) => type === 'Sync').length

  it('of several tenants are written together, and each is of its own tenant', async () => {
    const bench = await warm(mine)
    const results = await Promise.all(
      [bench.acme, bench.globex, bench.acme, bench.globex].map(tenant => tenant.query(mine)),
    )
    expect(results.map(({ rows }) => rows.map(row => row.tenant_id))).toEqual([
      ['acme'],
      ['globex'],
      ['acme'],
      ['globex'],
    ])
    expect(syncs(bench)).toBe(4)
    expect(bench.tap.writes).toHaveLength(1)
  })

  it('are no more on one connection than its depth; the others follow', async () => {
    const bench = await warm(mine, {}, { depth: 3 })
    const all = Array.from({ length: 10 }, (_, at) => (at % 2 === 0 ? bench.acme : bench.globex).query(mine))
    await new Promise(setImmediate)
    expect(syncs(bench)).toBe(3)
    const results = await Promise.all(all)
    expect(results.map(({ rows: [row] }) => row.tenant_id)).toEqual(
      [...'agagagagag'].map(c => (c === 'a' ? 'acme' : 'globex')),
    )
  })

  it('take four connections before they share, where the pool has more', async () => {
    const { pool, acme: tenant } = open({ max: 16 }, { sharedReads: { short: 60_000 } })
    const leases = await Promise.all(Array.from({ length: 16 }, () => tenant.connect()))
    for (const lease of leases) lease.release()
    const many = (count: number) => Promise.all(Array.from({ length: count }, () => tenant.query(mine)))
    await many(1)
    for (const count of [4, 16]) {
      while (pool.idleCount < 16) await sleep(1)
      expect(pids(await many(count))).toBe(4)
    }
  })

  describe('never share with', () => {
    it.each([
      ['what was not seen before', undefined, `${mine} limit 3`],
      ['what takes longer', 'select pg_sleep(0.02), pg_backend_pid() as pid from notes', undefined],
      ['a write', "update notes set text = 'x' returning pg_backend_pid() as pid", undefined],
      ['what locks rows', 'select pg_backend_pid() as pid from notes for update', undefined],
      ['what gets its rows from a function', 'select pg_backend_pid() as pid from generate_series(1, 2)', undefined],
    ])('%s', async (_, seen, unseen) => {
      const text = seen ?? unseen ?? ''
      const bench = await warm(seen ?? mine, { max: 2 }, { short: 15 })
      await bench.acme.query(mine)
      // Of two tenants, whose rows nobody else locks.
      expect(pids(await Promise.all([bench.acme.query(mine), bench.globex.query(text)]))).toBe(2)
    })

    it.each<[string, pg.PoolConfig, Omit<ScopedPoolOptions, 'pool' | 'scope'>]>([
      ['anybody where that is turned off', {}, { sharedReads: false }],
      ['anybody where each statement is followed by a reset', {}, { sessionState: 'always' }],
      ['anybody where a pooler stands between', {}, { sessionState: 'refuse' }],
      ['anybody where statements have no names', {}, { namedStatements: false }],
      ['anybody where a client-side timeout would end the connection', { query_timeout: 5_000 }, {}],
      ['anybody where the pool counts uses', { maxUses: 1_000 }, {}],
    ])('%s', async (_, config, options) => {
      const { acme: tenant } = open({ max: 2, ...config }, { sharedReads, ...options })
      await tenant.query(mine)
      expect(pids(await Promise.all([tenant.query(mine), tenant.query(mine)]))).toBe(2)
    })

    it('a statement with a timeout of its own', async () => {
      const { acme: tenant } = await warm(mine, { max: 2 })
      const timed = { text: mine, query_timeout: 5_000 } as pg.QueryConfig
      expect(pids(await Promise.all([tenant.query(mine), tenant.query(timed)]))).toBe(2)
    })

    it('one that has been on its way for long', async () => {
      const [reader, blocker] = [await warm('select text from plain', { max: 2 }, { short: 200 }), await admin()]
      await reader.acme.query(mine)
      await blocker.query('begin; lock table plain')
      const stuck = reader.acme.query('select text from plain')
      await sleep(300)
      // Long before the one in front would give way.
      const late = sleep(5_000).then(() => 'late')
      expect(await Promise.race([reader.globex.query(mine), late])).toMatchObject({ rowCount: 1 })
      await blocker.query('commit')
      await stuck
    })
  })

  it('fail each for itself', async () => {
    const text = 'select tenant_id, 10 / $1::int as ratio from notes'
    const bench = open({}, { sharedReads: { ...sharedReads, depth: 5 } })
    await bench.acme.query(text, [1])
    const outcomes = await Promise.allSettled([1, 0, 2, 0, 5].map(by => bench.globex.query(text, [by])))
    expect(
      outcomes.map(outcome =>
        outcome.status === 'fulfilled' ? outcome.value.rows[0].ratio : (outcome.reason as { code: string }).code,
      ),
    ).toEqual([10, '22012', 5, '22012', 2])
    expect((await bench.globex.query(text, [10])).rows).toEqual([{ tenant_id: 'globex', ratio: 1 }])
  })

  it('that share the name of a statement share neither its refusal nor its preparation', async () => {
    const owner = await admin()
    await owner.query(`create table doomed (id int); grant select on doomed to ${db.database.runtimeRole}`)
    const text = { name: 'doomed', text: 'select id from doomed' }
    const bench = open({ max: 2 }, { sharedReads })
    for (const lease of [await bench.acme.connect(), await bench.acme.connect()]) lease.release()
    await bench.acme.query(text)
    await new Promise(setImmediate)
    // The others go on the connection that has nothing prepared.
    const lease = await bench.acme.connect()
    bench.tap.reset()
    await Promise.all([1, 2, 3].map(() => bench.globex.query(text)))
    const parsed = bench.tap.sent().filter(message => message.text === text.text)
    expect(parsed.map(({ statement }) => statement === '')).toEqual([false, true, true])
    lease.release()
    await owner.query('drop table doomed')
    const codes = await Promise.all([1, 2, 3].map(() => refusal(bench.globex.query(text))))
    expect(new Set(codes)).toEqual(new Set(['not refused: 42P01']))
  })

  it('on a connection that is lost fail as that, and not one goes on', async () => {
    const text = 'select text, pg_backend_pid() as pid from plain'
    const [bench, killer] = [await warm(text, {}, { depth: 3 }), await admin()]
    await killer.query('begin; lock table plain')
    const reads = [bench.acme, bench.globex, bench.acme].map(tenant => refusal(tenant.query(text)))
    const holders = `select pid from pg_locks where relation = 'plain'::regclass and not granted`
    while ((await killer.query(holders)).rows.length === 0) await sleep(5)
    await killer.query(`select pg_terminate_backend(pid, 5000) from (${holders}) as waiting`)
    expect(await Promise.all(reads)).toEqual(Array(3).fill('CONNECTION_LOST'))
    await killer.query('commit')
    expect((await bench.globex.query(mine)).rows).toHaveLength(1)
  })

  it('behind a statement that leaves a transaction open are refused, and the connection is closed', async () => {
    const text = 'select text, pg_backend_pid() as pid from plain'
    const [bench, blocker] = [await warm(text), await admin()]
    let lent: pg.PoolClient | undefined
    bench.pool.on('acquire', client => {
      lent = client
    })
    await blocker.query('begin; lock table plain')
    const [first, behind] = [bench.acme.query(text), failure(bench.globex.query(text))]
    await new Promise(setImmediate)
    // As the server would say it, of the scope and of the statement: nothing that we send can have that effect.
    const { connection } = lent as unknown as { connection: { emit(event: string, message: object): void } }
    for (let done = 0; done < 2; done++) connection.emit('commandComplete', { text: 'SELECT 0' })
    connection.emit('readyForQuery', { status: 'T' })
    await first
    expect(await behind).toMatchObject({
      code: 'CONNECTION_LOST',
      details: { reason: 'a statement in front left a transaction open' },
    })
    await blocker.query('commit')
    await bench.acme.query(mine)
    expect(bench.pool.totalCount).toBe(1)
    expect(bench.tap.sockets).toHaveLength(2)
  })

  it('let a lease have its connection, and come again after it', async () => {
    const { pool, acme: tenant, globex: other } = await warm(mine)
    let reading = true
    let reads = 0
    async function reader(): Promise<void> {
      for (; reading; reads++) await tenant.query(mine)
    }
    const readers = Promise.all(Array.from({ length: 8 }, reader))
    for (let lease = 0; lease < 20; lease++) {
      const then = reads
      const client = await other.connect()
      const before = reads
      // Those on the connection, and one turn of those who wait.
      expect(before - then).toBeLessThan(20)
      await client.query('begin')
      expect((await client.query(mine)).rows).toMatchObject([{ tenant_id: 'globex' }])
      await client.query('commit')
      expect(reads).toBe(before)
      client.release()
      while (reads === before) await sleep(1)
      const now = reads
      const host = await pool.connect()
      expect(reads - now).toBeLessThan(20)
      host.release()
    }
    reading = false
    await readers
  })

  it('that call what changes the session leave nothing to those who come later', async () => {
    const owner = await admin()
    await owner.query(
      `create function quietly() returns text language sql as $$ select set_config('DateStyle', 'German', false) $$`,
    )
    const text = 'select quietly(), pg_backend_pid() as pid from notes'
    const bench = await warm(text)
    await Promise.all([bench.acme.query(text), bench.globex.query(text)])
    const { rows } = await bench.globex.query("select current_setting('DateStyle') as style from notes")
    expect(rows).toEqual([{ style: 'ISO, MDY' }])
  })

  it('through another copy of pg, which knows no queries of ours, have a connection each', async () => {
    const { pool, acme: tenant } = open({ max: 2, Client: anotherPg().Client }, { sharedReads })
    await tenant.query(mine)
    const results = await Promise.all(Array.from({ length: 12 }, () => tenant.query(mine)))
    expect(results.every(({ rows }) => rows[0].tenant_id === 'acme')).toBe(true)
    expect(pids(results)).toBe(2)
    expect(pool.totalCount).toBe(2)
  })

  it('are refused once the pool ends', async () => {
    const { pool, acme: tenant } = await warm(mine)
    const last = tenant.query(mine)
    await Promise.resolve()
    const ended = pool.end()
    expect(await refusal(tenant.query(mine))).toBe('SCOPE_CLOSED')
    await last
    await ended
  })

  it('that wait when no connection can be had fail as that, all of them', async () => {
    const { acme: tenant } = await warm(mine, { connectionTimeoutMillis: 100 }, { depth: 2 })
    const lease = await tenant.connect()
    const waiting = Array.from({ length: 5 }, () => refusal(tenant.query(mine)))
    expect(await Promise.all(waiting)).toEqual(Array(5).fill('DATABASE_UNAVAILABLE'))
    lease.release()
    expect((await tenant.query(mine)).rows).toHaveLength(1)
  })

  it('of any number, of tenants in any order, are all answered, each with its own', async () => {
    const bench = open({ max: 6 }, { sharedReads: { connections: 2, short: 60_000 } })
    const text = 'select tenant_id, $1::int as asked from notes'
    await bench.acme.query(text, [0])
    const wrong: unknown[] = []
    await Promise.all(
      Array.from({ length: 2_000 }, async (_, asked) => {
        const tenant = (asked * 7_919) % 3 === 0 ? bench.globex : bench.acme
        if (asked % 97 === 0) {
          const client = await tenant.connect()
          await client.query('begin')
          await client.query(text, [asked])
          await client.query(asked % 2 === 0 ? 'commit' : 'rollback')
          client.release(asked % 5 === 0)
        }
        const { rows } = await tenant.query(text, [asked])
        const expected = { tenant_id: tenant === bench.globex ? 'globex' : 'acme', asked }
        if (rows.length !== 1 || rows[0].tenant_id !== expected.tenant_id || rows[0].asked !== asked) wrong.push(rows)
      }),
    )
    expect(wrong).toEqual([])
    while (bench.pool.idleCount < bench.pool.totalCount) await sleep(5)
    expect(bench.pool.waitingCount).toBe(0)
  })

  it.each([{ depth: 0 }, { depth: 1.5 }, { connections: -1 }, { connections: Number.NaN }])(
    'are told no such numbers as %j',
    async sharedReads => {
      expect(await refusal(() => open({}, { sharedReads }))).toBe('ARGUMENT_INVALID')
    },
  )
})
