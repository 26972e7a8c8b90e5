import { TenancyError, type Tenant } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { PgDatabase, PgDatabaseOptions } from '../src/index.ts'
import { databaseIsolation, failureOf, type Ground, makeGround, silent, standing, tenantOn } from './support.ts'

describePostgres('the connections of many tenants', server => {
  let ground: Ground
  let tenants: readonly Tenant[]
  const credentials = standing()
  const opened: PgDatabase[] = []

  function open(
    connections: PgDatabaseOptions['connections'] = {},
    options: Partial<PgDatabaseOptions> = {},
  ): PgDatabase {
    const isolation = databaseIsolation(ground, {
      credentials,
      connections,
      applicationName: ground.prefix,
      ...options,
    })
    opened.push(isolation)
    return isolation
  }
  const of = (isolation: PgDatabase, at: number): TenantPool => isolation.handle(() => tenants[at] as Tenant)

  /** What the server has of the isolations of this test. */
  async function sessions(): Promise<readonly string[]> {
    const { rows } = await ground.admin.query<{ name: string }>(
      `select datname as name from pg_stat_activity where application_name = $1 order by backend_start`,
      [ground.prefix],
    )
    return rows.map(({ name }) => name)
  }

  beforeAll(async () => {
    ground = await makeGround(server)
    tenants = Array.from({ length: 8 }, () => tenantOn(ground))
    const isolation = open()
    for (const tenant of tenants) await isolation.provision(tenant)
  })
  afterEach(async () => {
    for (const isolation of opened.splice(0)) await isolation.close()
    expect(await sessions()).toEqual([])
  })
  afterAll(() => ground?.close())

  it('stay within the budget of all and of each, as the server counts them', async () => {
    const isolation = open({ max: 5, maxPerTenant: 2, turn: 5 })
    const seen: { readonly all: number; readonly most: number }[] = []
    let done = false
    async function watch(): Promise<void> {
      while (!done) {
        const names = await sessions()
        seen.push({
          all: names.length,
          most: Math.max(
            0,
            ...tenants.map(({ placement }) => names.filter(name => name === placement.database).length),
          ),
        })
      }
    }
    const watching = watch()
    const work = Array.from({ length: 400 }, async (_, at) => {
      const { rows } = await of(isolation, (at * 5) % tenants.length).query('select current_database() as name')
      expect(rows[0].name).toBe(tenants[(at * 5) % tenants.length]?.placement.database)
    })
    await Promise.all(work)
    done = true
    await watching
    expect(Math.max(...seen.map(({ all }) => all))).toBeLessThanOrEqual(5)
    expect(Math.max(...seen.map(({ most }) => most))).toBeLessThanOrEqual(2)
    expect(Math.max(...seen.map(({ all }) => all))).toBeGreaterThan(1)
    await expect.poll(() => isolation.metrics().connections.opening).toBe(0)
    const { connections } = isolation.metrics()
    expect(connections).toMatchObject({ max: 5, busy: 0, waiting: 0, opening: 0, timeouts: 0, failed: 0 })
    expect(connections.opened).toBeGreaterThanOrEqual(tenants.length)
  })

  it('of the tenant that was used longest ago are closed for one that has none', async () => {
    const isolation = open({ max: 2, maxPerTenant: 1 })
    for (const at of [0, 1, 0, 2]) await of(isolation, at).query('select 1')
    expect(await sessions()).toEqual([tenants[0]?.placement.database, tenants[2]?.placement.database])
    expect(isolation.metrics().connections).toMatchObject({
      evicted: 1,
      opened: 3,
      hits: 1,
      misses: 3,
      total: 2,
      idle: 2,
      tenants: 2,
    })
  })

  it('are counted once, also while one is closed for another', async () => {
    const isolation = open({ max: 1 })
    await of(isolation, 0).query('select 1')
    const next = of(isolation, 1).query('select 1')
    expect(isolation.metrics().connections).toMatchObject({ total: 1, closing: 1, opening: 0, busy: 0, idle: 0 })
    await next
    expect(isolation.metrics().connections).toMatchObject({ total: 1, closing: 0, opening: 0, busy: 0, idle: 1 })
  })

  it('are shared fairly: a thousand waiting requests of one tenant do not keep another waiting', async () => {
    const isolation = open({ max: 2, maxPerTenant: 2, turn: 10, queueTimeout: 60_000 })
    let served = 0
    const crowd = Array.from({ length: 1_000 }, async () => {
      await of(isolation, 0).query('select pg_sleep(0.001)')
      served += 1
    })
    await new Promise(resolve => setTimeout(resolve, 20))
    for (const at of [1, 2, 3]) await of(isolation, at).query('select 1')
    expect(served).toBeLessThan(900)
    await Promise.all(crowd)
    expect(isolation.metrics().connections.yielded).toBeGreaterThan(0)
  })

  it('alternate between tenants that all want the only one', async () => {
    const isolation = open({ max: 1, maxPerTenant: 1, turn: 5, queueTimeout: 60_000 })
    const order: number[] = []
    async function ask(at: number): Promise<void> {
      for (let turn = 0; turn < 5; turn++) {
        await Promise.all(Array.from({ length: 4 }, () => of(isolation, at).query('select pg_sleep(0.004)')))
        order.push(at)
      }
    }
    await Promise.all([0, 1, 2].map(ask))
    // Nobody was served to the end before the others had begun.
    for (const at of [0, 1, 2]) expect(order.indexOf(at)).toBeLessThan(9)
  })

  it('that are idle are closed', async () => {
    const isolation = open({ idleTimeout: 1_000 })
    await of(isolation, 0).query('select 1')
    expect(await sessions()).toHaveLength(1)
    await expect.poll(sessions, { timeout: 10_000 }).toEqual([])
    expect(isolation.metrics().connections).toMatchObject({ total: 0, tenants: 0 })
  })

  it('that the server has ended are not given to anybody', async () => {
    const isolation = open({ max: 1, maxPerTenant: 1 })
    await of(isolation, 0).query('select 1')
    await ground.admin.query(
      'select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = $1',
      [ground.prefix],
    )
    await expect.poll(() => isolation.metrics().connections.total).toBe(0)
    expect((await of(isolation, 0).query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  it('that are left in a transaction are closed, and nothing of it is kept', async () => {
    const isolation = open({ max: 1, maxPerTenant: 1 })
    const lease = await of(isolation, 0).connect()
    await lease.query('begin')
    await lease.query("insert into notes values (gen_random_uuid(), 'lost')")
    lease.release()
    expect((await of(isolation, 0).query('select text from notes')).rows).toEqual([])
    expect(isolation.metrics().connections).toMatchObject({ opened: 2, total: 1 })
  })

  it('are reset between units of work of one tenant', async () => {
    const isolation = open({ max: 1, maxPerTenant: 1 })
    await of(isolation, 0).query('select pg_advisory_lock(7)')
    const look = "select count(*)::int as locks from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
    expect((await of(isolation, 0).query(look)).rows).toEqual([{ locks: 0 }])
    expect(isolation.metrics().connections.opened).toBe(1)
  })

  it('whose statement the client has given up are ended on the server too', async () => {
    const isolation = open({ max: 1, maxPerTenant: 1 })
    await failureOf(of(isolation, 0).query({ text: 'select pg_sleep(20)', query_timeout: 50 } as never))
    expect((await of(isolation, 0).query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect(await sessions()).toHaveLength(1)
  })

  it('are counted for whoever asks a pool', async () => {
    const isolation = open()
    const pool = of(isolation, 0)
    await pool.query('select 1')
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 1, 0])
  })

  describe('when none is free in time', () => {
    it('the budget is exhausted: POOL_EXHAUSTED says when to come again, and nothing is sent', async () => {
      const isolation = open({ max: 1, queueTimeout: 1_000 })
      const lease = await of(isolation, 0).connect()
      const failure = await failureOf(of(isolation, 1).query('select 1'))
      expect(failure).toMatchObject({
        code: 'POOL_EXHAUSTED',
        status: 503,
        details: { tenant: tenants[1]?.id, limit: 'budget', retryAfter: expect.toBeOneOf([1, 2]) },
      })
      lease.release()
      expect((await of(isolation, 1).query('select 1 as one')).rows).toEqual([{ one: 1 }])
      expect(isolation.metrics().connections.timeouts).toBe(1)
    })

    it('whoever gave up leaves nothing behind', async () => {
      const isolation = open({ max: 1, queueTimeout: 50 })
      const lease = await of(isolation, 0).connect()
      expect(await failureOf(of(isolation, 1).query('select 1'))).toMatchObject({ code: 'POOL_EXHAUSTED' })
      expect(isolation.metrics().connections).toMatchObject({ tenants: 1, waiting: 0 })
      lease.release()
    })

    it('the tenant has as many as it may have', async () => {
      const isolation = open({ max: 5, maxPerTenant: 1, queueTimeout: 1_000 })
      const lease = await of(isolation, 0).connect()
      expect(await failureOf(of(isolation, 0).query('select 1'))).toMatchObject({
        code: 'POOL_EXHAUSTED',
        details: { limit: 'tenant' },
      })
      await of(isolation, 1).query('select 1')
      lease.release()
    })
  })

  describe('of a tenant that is suspended', () => {
    it('are closed; older snapshots are refused, a newer one is served', async () => {
      const isolation = open()
      const tenant = tenants[0] as Tenant
      await isolation.handle(() => tenant).query('select 1')
      await isolation.evict({ ...tenant, status: 'suspended', version: 7 })
      expect(await sessions()).toEqual([])
      for (const version of [1, 7])
        expect(await failureOf(isolation.handle(() => ({ ...tenant, version })).query('select 1'))).toMatchObject({
          code: 'TENANT_SUSPENDED',
        })
      await isolation.handle(() => ({ ...tenant, version: 8 })).query('select 1')
    })

    it('finish what they do, for so long and no longer', async () => {
      const isolation = open({ drainTimeout: 300 })
      const tenant = tenants[0] as Tenant
      const quick = isolation.handle(() => tenant).query('select pg_sleep(0.2)')
      const slow = failureOf(isolation.handle(() => tenant).query('select pg_sleep(30)'))
      // Not by the server's sessions, which are there before the connection is given.
      await expect.poll(() => isolation.metrics().connections.busy, { interval: 5 }).toBe(2)
      await isolation.evict({ ...tenant, status: 'suspended' })
      await quick
      expect(await slow).toMatchObject({ code: 'CONNECTION_LOST' })
    })

    it('by the snapshot that says so', async () => {
      const isolation = open()
      const tenant = tenants[0] as Tenant
      await isolation.handle(() => tenant).query('select 1')
      const suspended = { ...tenant, status: 'suspended' as const, version: 2 }
      expect(await failureOf(isolation.handle(() => suspended).query('select 1'))).toMatchObject({
        code: 'TENANT_SUSPENDED',
      })
      await expect.poll(sessions).toEqual([])
      expect(await failureOf(isolation.handle(() => tenant).query('select 1'))).toMatchObject({
        code: 'TENANT_SUSPENDED',
      })
    })

    it.each(['archived', 'deprovisioning'] as const)('or %s: older snapshots are refused', async status => {
      const isolation = open()
      const tenant = tenants[0] as Tenant
      await isolation.handle(() => tenant).query('select 1')
      const over = { ...tenant, status, version: 2 }
      for (const snapshot of [over, tenant])
        expect(await failureOf(isolation.handle(() => snapshot).query('select 1'))).toMatchObject({
          code: 'TENANT_SUSPENDED',
        })
      await expect.poll(sessions).toEqual([])
    })

    it('while nobody can revoke its leases: that is told once, and ends no process', async () => {
      const told: object[] = []
      const unhandled: unknown[] = []
      const listener = (reason: unknown) => void unhandled.push(reason)
      process.on('unhandledRejection', listener)
      let asked = 0
      const isolation = open(
        {},
        {
          credentials: {
            ...credentials,
            async revokeAll() {
              asked += 1
              throw new TenancyError('CREDENTIALS_UNAVAILABLE', { source: 'standing', reason: 'the broker is down' })
            },
          },
          logger: { ...silent, error: about => void told.push(about) },
        },
      )
      const suspended = { ...(tenants[0] as Tenant), status: 'suspended' as const, version: 2 }
      for (const version of [2, 2, 1])
        expect(await failureOf(isolation.handle(() => ({ ...suspended, version })).query('select 1'))).toMatchObject({
          code: 'TENANT_SUSPENDED',
        })
      await expect
        .poll(() => told)
        .toEqual([expect.objectContaining({ event: 'pg-database.suspension', code: 'CREDENTIALS_UNAVAILABLE' })])
      expect(asked).toBe(1)
      expect(unhandled).toEqual([])
      process.off('unhandledRejection', listener)
    })

    it('are given to nobody who waits for one', async () => {
      const isolation = open({ max: 1 })
      const lease = await of(isolation, 0).connect()
      const waiting = failureOf(of(isolation, 0).query('select 1'))
      const suspending = isolation.evict({ ...(tenants[0] as Tenant), status: 'suspended' })
      expect(await waiting).toMatchObject({ code: 'TENANT_SUSPENDED' })
      lease.release()
      await suspending
    })
  })

  it.each(['query', 'connect'] as const)(
    'are those of the tenant that was asked for, whatever becomes of the object: %s',
    async way => {
      const subject = { ...(tenants[0] as Tenant) }
      const isolation = open(
        {},
        { credentials: { ...credentials, ready: async () => void Object.assign(subject, tenants[1]) } },
      )
      const pool = isolation.handle(() => subject)
      if (way === 'query') {
        const { rows } = await pool.query('select current_database() as database')
        expect(rows).toEqual([{ database: tenants[0]?.placement.database }])
        return
      }
      const lease = await pool.connect()
      expect((await failureOf(lease.query('select 1'))).code).toBe('SCOPE_MISMATCH')
      Object.assign(subject, tenants[0])
      const { rows } = await lease.query('select current_database() as database')
      expect(rows).toEqual([{ database: tenants[0]?.placement.database }])
      lease.release()
    },
  )

  it('are refused once the isolation is closed', async () => {
    const isolation = open()
    await of(isolation, 0).query('select 1')
    await isolation.close()
    expect(await failureOf(of(isolation, 0).query('select 1'))).toMatchObject({ code: 'SCOPE_CLOSED' })
  })

  it.each([
    ['max', { max: 0 }],
    ['max', { max: 1.5 }],
    ['maxPerTenant', { maxPerTenant: 0 }],
    ['queueTimeout', { queueTimeout: -1 }],
    ['idleTimeout', { idleTimeout: Number.NaN }],
    ['queueTimeout', { queueTimeout: 2 ** 31 }],
    ['connectTimeout', { connectTimeout: 0 }],
    ['drainTimeout', { drainTimeout: Number.NaN }],
    ['turn', { turn: -1 }],
  ])('need a %s that makes sense: %o', (field, connections) => {
    expect(() => open(connections)).toThrow(
      expect.objectContaining({
        code: 'ARGUMENT_INVALID',
        details: expect.objectContaining({ field: `connections.${field}` }),
      }),
    )
  })
})
