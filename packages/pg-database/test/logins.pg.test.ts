import { inspect } from 'node:util'
import type { CredentialSource, Credentials, Tenant } from '@tenantry/core'
import { startFaultProxy } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ConnectGate } from '../src/connections/connect-gate.ts'
import { openConnection } from '../src/connections/open-connection.ts'
import { type PgDatabase, type PostgresLeases, postgresLeases } from '../src/index.ts'
import { loginKeeper } from '../src/logins/login-keeper.ts'
import { ownName } from '../src/placement.ts'
import { databaseIsolation, failureOf, type Ground, makeGround, silent, tenantOn } from './support.ts'
import { recorder } from './support-leases.ts'

const sleep = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))

describePostgres('the logins of tenants', server => {
  let ground: Ground
  let acme: Tenant
  let globex: Tenant
  const closing: (() => Promise<unknown>)[] = []

  function leases(lifetime: number, url = ground.brokerUrl): PostgresLeases {
    const pool = new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 1_000 })
    pool.on('error', () => undefined)
    const source = postgresLeases({
      brokers: { one: pool },
      lifetime,
      sweepEvery: 600_000,
      prefix: `${ground.prefix}l_`,
      logger: silent,
    })
    closing.push(async () => {
      await source.close()
      await pool.end()
    })
    return source
  }

  function open(credentials: CredentialSource, options = {}): PgDatabase {
    const isolation = databaseIsolation(ground, { credentials, applicationName: `${ground.prefix}app`, ...options })
    closing.unshift(() => isolation.close())
    return isolation
  }

  async function closeAll(): Promise<void> {
    for (const close of closing.splice(0)) await close()
  }

  /** The leased logins that are there. */
  async function logins(): Promise<readonly string[]> {
    const { rows } = await ground.admin.query<{ name: string }>(
      'select rolname as name from pg_roles where starts_with(rolname, $1)',
      [`${ground.prefix}l_`],
    )
    return rows.map(({ name }) => name)
  }

  beforeAll(async () => {
    ground = await makeGround(server)
    ;[acme, globex] = [tenantOn(ground), tenantOn(ground)]
    const isolation = open(leases(60_000))
    for (const tenant of [acme, globex]) await isolation.provision(tenant)
    await closeAll()
  })
  afterAll(() => ground?.close())

  it('S24 S25 are leased, renewed and revoked without a request that fails', async () => {
    const isolation = open(leases(1_500))
    const users = new Set<string>()
    const end = performance.now() + 5_000
    async function worker(tenant: Tenant, sleeps: number): Promise<void> {
      while (performance.now() < end) {
        const { rows } = await isolation
          .handle(() => tenant)
          .query(`select session_user as user, current_user as owner, pg_sleep(${sleeps})`)
        expect(rows[0].owner).toBe(tenant.placement.database)
        users.add(rows[0].user)
      }
    }
    await Promise.all([acme, globex].flatMap(tenant => [worker(tenant, 0), worker(tenant, 0.01), worker(tenant, 0.2)]))
    // Two tenants, a lease a second.
    expect(users.size).toBeGreaterThanOrEqual(6)
    expect((await logins()).length).toBeLessThanOrEqual(4)
    expect(isolation.metrics().leases).toMatchObject({ renewalsFailed: 0, revocationsFailed: 0, abandoned: 0 })
    await closeAll()
    expect(await logins()).toEqual([])
  })

  it('that nobody needs are not renewed', async () => {
    const isolation = open(leases(1_000), { connections: { idleTimeout: 50 } })
    await isolation.handle(() => acme).query('select 1')
    await expect.poll(logins, { timeout: 5_000 }).toEqual([])
    expect(isolation.metrics().leases).toMatchObject({ issued: 1, revoked: 1, renewed: 0 })
    await isolation.handle(() => acme).query('select 1')
    await closeAll()
  })

  it('are renewed by their source, if it can, and then the connections stay', async () => {
    const source = leases(60_000)
    const short = (credentials: Credentials): Credentials => ({ ...credentials, expiresAt: Date.now() + 600 })
    let renewals = 0
    const isolation = open({
      ...source,
      lifetime: 600,
      issue: async target => short(await source.issue(target)),
      renew: async credentials => {
        renewals += 1
        return short(credentials)
      },
    })
    await isolation.handle(() => acme).query('select 1')
    await sleep(1_500)
    await isolation.handle(() => acme).query('select 1')
    expect(renewals).toBeGreaterThanOrEqual(2)
    expect(isolation.metrics()).toMatchObject({ connections: { opened: 1 }, leases: { issued: 1, renewed: renewals } })
    await closeAll()
  })

  it('that the server does not take are replaced, once', async () => {
    const isolation = open(leases(60_000), { connections: { max: 1, maxPerTenant: 1, idleTimeout: 50 } })
    await isolation.handle(() => acme).query('select 1')
    await expect.poll(() => isolation.metrics().connections.total).toBe(0)
    for (const login of await logins()) await ground.admin.query(`alter role ${login} password null`)
    expect((await isolation.handle(() => acme).query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect(isolation.metrics().leases.issued).toBe(2)
    await closeAll()
  })

  it('that the server never takes are an error that says so', async () => {
    const source = leases(60_000)
    let issued = 0
    const isolation = open({
      ...source,
      issue: async target => {
        issued += 1
        return { ...(await source.issue(target)), username: 'nobody' }
      },
    })
    expect(await failureOf(isolation.handle(() => acme).query('select 1'))).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(issued).toBe(2)
    await closeAll()
  })

  it('are dead when their tenant is suspended, with whatever they had open', async () => {
    const source = leases(60_000)
    const taken: Credentials[] = []
    const isolation = open({
      ...source,
      issue: async target => {
        const credentials = await source.issue(target)
        taken.push(credentials)
        return credentials
      },
    })
    await isolation.handle(() => acme).query('select 1')
    await isolation.handle(() => globex).query('select 1')
    const [stolen] = taken
    // Somebody else has it, and a connection with it.
    const { host, port } = ground
    const config = {
      host,
      port,
      database: acme.placement.database,
      user: stolen?.username,
      password: stolen?.password.reveal(),
    }
    const thief = new pg.Client(config)
    thief.on('error', () => undefined)
    await thief.connect()
    await isolation.evict({ ...acme, status: 'suspended' })
    await expect(thief.query('select 1')).rejects.toThrow()
    await expect(new pg.Client(config).connect()).rejects.toMatchObject({ code: '28P01' })
    expect(await logins()).toHaveLength(1)
    await isolation.handle(() => globex).query('select 1')
    await isolation.handle(() => ({ ...acme, version: 2 })).query('select 1')
    await closeAll()
  })

  describe('while the broker is away', () => {
    it('those that are there go on; others are CREDENTIALS_UNAVAILABLE until it is back', async () => {
      const way = await startFaultProxy({ target: ground.brokerUrl })
      const isolation = open(leases(60_000, way.url(ground.brokerUrl)))
      await isolation.handle(() => acme).query('select 1')
      const cut = way.rule({ on: 'frontend', message: 'any', fault: 'cut' })
      await isolation.handle(() => acme).query('select 1')
      expect(await failureOf(isolation.handle(() => globex).query('select 1'))).toMatchObject({
        code: 'CREDENTIALS_UNAVAILABLE',
        status: 503,
      })
      await isolation.handle(() => acme).query('select 1')
      cut.remove()
      await isolation.handle(() => globex).query('select 1')
      await closeAll()
      await way.close()
    })

    it('at the start nothing is sent', async () => {
      const way = await startFaultProxy({ target: ground.brokerUrl })
      way.rule({ on: 'frontend', message: 'any', fault: 'cut' })
      const isolation = open(leases(60_000, way.url(ground.brokerUrl)))
      expect(await failureOf(isolation.ready())).toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE' })
      expect(await failureOf(isolation.handle(() => acme).query('select 1'))).toMatchObject({
        code: 'CREDENTIALS_UNAVAILABLE',
      })
      expect(isolation.metrics().connections.opened).toBe(0)
      await closeAll()
      await way.close()
    })

    it('a lease that cannot be renewed is used to its end and no longer, and each failure is told', async () => {
      const source = leases(60_000)
      const logger = recorder()
      let away = false
      const isolation = open(
        {
          ...source,
          lifetime: 900,
          issue: async target => {
            if (away) throw new Error(`no way to ${target.host} with hunter2`)
            return { ...(await source.issue(target)), expiresAt: Date.now() + 900 }
          },
        },
        { logger },
      )
      await isolation.handle(() => acme).query('select 1')
      away = true
      await sleep(700)
      await isolation.handle(() => acme).query('select 1')
      await sleep(600)
      expect(await failureOf(isolation.handle(() => acme).query('select 1'))).toMatchObject({
        code: 'CREDENTIALS_UNAVAILABLE',
      })
      expect(isolation.metrics().leases.renewalsFailed).toBeGreaterThan(0)
      expect(logger.records).toContainEqual(
        expect.objectContaining({
          level: 'warn',
          details: expect.objectContaining({
            event: 'pg-database.renewal',
            tenant: acme.id,
            code: 'CREDENTIALS_UNAVAILABLE',
          }),
        }),
      )
      expect(inspect(logger.records, { depth: 9 })).not.toContain('hunter2')
      away = false
      await isolation.handle(() => acme).query('select 1')
      await closeAll()
    })

    it('a lease in its last tenth is used for new connections too, since there is no other', async () => {
      const source = leases(60_000)
      let away = false
      const isolation = open({
        ...source,
        lifetime: 600_000,
        issue: async target => {
          if (away) throw new Error('no way')
          return { ...(await source.issue(target)), expiresAt: Date.now() + 30_000 }
        },
      })
      const handle = isolation.handle(() => acme)
      await handle.query('select 1')
      away = true
      const end = 'select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1'
      await ground.admin.query(end, [acme.placement.database])
      await handle.query('select 1')
      expect(isolation.metrics()).toMatchObject({ connections: { opened: 2 }, leases: { issued: 1 } })
      away = false
      await ground.admin.query(end, [acme.placement.database])
      await handle.query('select 1')
      expect(isolation.metrics().leases.issued).toBe(2)
      await closeAll()
    })

    it('a lease that cannot be revoked is tried again, and each failure is told', async () => {
      const source = leases(60_000)
      const logger = recorder()
      let failures = 2
      const isolation = open(
        {
          ...source,
          revokeAll: async () => undefined,
          revoke: async (credentials, target) => {
            if (failures-- > 0) throw new Error('not now')
            await source.revoke(credentials, target)
          },
        },
        { logger },
      )
      await isolation.handle(() => acme).query('select 1')
      await isolation.evict({ ...acme, status: 'suspended' })
      expect(await logins()).toEqual([])
      expect(isolation.metrics().leases).toMatchObject({ revoked: 1, revocationsFailed: 2, abandoned: 0 })
      expect(
        logger.records.filter(({ details }) => 'event' in details && details.event === 'pg-database.revocation'),
      ).toHaveLength(2)
      await closeAll()
    })
  })

  it('that cannot be revoked are given up at their end, and not later', async () => {
    const source = leases(60_000)
    const isolation = open({
      ...source,
      lifetime: 2_000,
      issue: async target => ({ ...(await source.issue(target)), expiresAt: Date.now() + 2_000 }),
      revoke: async () => {
        throw new Error('not now')
      },
    })
    const begun = Date.now()
    await isolation.handle(() => acme).query('select 1')
    await isolation.evict({ ...acme, status: 'suspended' })
    expect(isolation.metrics().leases).toMatchObject({ revoked: 0, abandoned: 1 })
    expect(Date.now() - begun).toBeLessThan(2_700)
    await closeAll()
  })

  it('whoever closes is not kept until the leases end', async () => {
    const source = leases(60_000)
    let away = false
    const isolation = open({
      ...source,
      revoke: async (credentials, target) => {
        if (away) throw new Error('not now')
        await source.revoke(credentials, target)
      },
    })
    await isolation.handle(() => acme).query('select 1')
    away = true
    const start = performance.now()
    await isolation.close()
    expect(performance.now() - start).toBeLessThan(20_000)
    expect(await logins()).toHaveLength(1)
    away = false
    await expect.poll(logins, { timeout: 20_000 }).toEqual([])
    await closeAll()
  })

  it('show their password to nobody', async () => {
    const source = leases(60_000)
    const passwords: string[] = []
    const isolation = open({
      ...source,
      issue: async target => {
        const credentials = await source.issue(target)
        passwords.push(credentials.password.reveal())
        return credentials
      },
    })
    const lease = await isolation.handle(() => acme).connect()
    const [password = ''] = passwords
    expect(password.length).toBeGreaterThan(20)
    for (const thing of [isolation, isolation.metrics(), lease, source]) {
      expect(inspect(thing, { depth: 20, showHidden: true })).not.toContain(password)
      expect(JSON.stringify(thing) ?? '').not.toContain(password)
    }
    const { rows } = await ground.admin.query('select query from pg_stat_activity')
    expect(JSON.stringify(rows)).not.toContain(password)
    lease.release()
    await closeAll()
  })

  it('that are replaced while a connection waits for its turn are revoked after it; it keeps no password', async () => {
    const source = leases(60_000)
    const { host, port, prefix } = ground
    const { database = '', epoch = '' } = acme.placement
    const target = { tenant: acme.id, server: 'one', host, port, database, owner: ownName(acme.id, prefix) }
    const numbers = { issued: 0, renewed: 0, renewalsFailed: 0, revoked: 0, revocationsFailed: 0, abandoned: 0 }
    const surroundings = { needed: () => true, retire: () => undefined, logger: silent, numbers }
    const keeper = loginKeeper({ source, target, ...surroundings })
    const login = await keeper.take()
    const gate: ConnectGate = {
      async enter(connect) {
        keeper.rejected(login)
        await sleep(500)
        return connect()
      },
    }
    const connection = await openConnection({
      ...{ target, gate, server: { host, port }, logins: keeper, connectTimeout: 5_000, applicationName: undefined },
      placement: { server: 'one', database, epoch },
    })
    expect(connection.login).toBe(login)
    expect(connection.retired).toBe(true)
    expect(numbers).toMatchObject({ issued: 1, revoked: 0 })
    const shown = inspect(connection.session.client, { depth: 20, showHidden: true })
    expect(shown).not.toContain(login.credentials.password.reveal())
    await connection.close()
    await expect.poll(logins).toEqual([])
    await keeper.end()
    await closeAll()
  })
})
