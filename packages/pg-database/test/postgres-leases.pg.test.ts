import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { type Credentials, secret, tenantDigest } from '@tenantry/core'
import { atEveryMessage, startFaultProxy } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type PostgresLeases, type PostgresLeasesOptions, postgresLeases } from '../src/index.ts'
import { failureOf } from './support.ts'
import { type LeaseServer, leaseServer, logIn, recorder } from './support-leases.ts'

describePostgres('postgresLeases', servers => {
  let server: LeaseServer
  const opened: (() => Promise<void>)[] = []

  beforeAll(async () => {
    server = await leaseServer(servers)
  })
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close()
  })
  afterAll(async () => {
    await server.close()
  })

  /** As one process of an application would open it. */
  function open(
    options: Partial<PostgresLeasesOptions> = {},
    url = server.brokerUrl,
    max = 4,
  ): PostgresLeases & { readonly pool: pg.Pool; readonly records: ReturnType<typeof recorder>['records'] } {
    const pool = new pg.Pool({ connectionString: url, max, connectionTimeoutMillis: 5000 })
    const logger = recorder()
    const leases = postgresLeases({ brokers: { eu: pool }, prefix: server.prefix, logger, ...options })
    opened.push(async () => {
      await leases.close()
      pool.on('error', () => undefined)
      await pool.end()
    })
    return { ...leases, pool, records: logger.records }
  }

  async function session(credentials: Credentials, target = server.a): Promise<pg.Client> {
    const client = await logIn(target, credentials)
    opened.push(() => client.end())
    return client
  }

  async function sessionsOf({ username }: Credentials): Promise<number> {
    const { rows } = await server.admin.query('select from pg_stat_activity where usename = $1', [username])
    return rows.length
  }

  describe('issue', () => {
    it('gives a login that is the owner, in its database only, and knows when it ends', async () => {
      const { a, b, prefix, admin } = server
      const before = Date.now()
      const leases = open({ lifetime: 60_000 })
      await leases.ready()
      const lease = await leases.issue(a)
      expect(lease.username).toMatch(new RegExp(`^${prefix}${tenantDigest(a.tenant)}_[a-z2-7]{12}$`))
      expect(Buffer.from(lease.password.reveal(), 'base64url')).toHaveLength(32)
      expect(lease.lease).toBe(lease.username)
      expect(lease.expiresAt).toBeGreaterThanOrEqual(before + 60_000)
      const { rows } = await admin.query(
        `select extract(epoch from rolvaliduntil) * 1000 as until, shobj_description(oid, 'pg_authid') as mark,
           rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls as powerful from pg_roles where rolname = $1`,
        [lease.username],
      )
      expect(rows[0].powerful).toBe(false)
      expect(JSON.parse(rows[0].mark)).toEqual({
        tenantry: 'pg-database',
        lease: lease.username,
        tenant: tenantDigest(a.tenant),
      })
      expect(Number(rows[0].until)).toBeGreaterThanOrEqual(lease.expiresAt ?? Number.NaN)
      expect(Number(rows[0].until)).toBeLessThan(Date.now() + 60_000)

      const client = await session(lease)
      const who = await client.query('select session_user, current_user')
      expect(who.rows).toEqual([{ session_user: lease.username, current_user: a.owner }])
      await client.query('create table made (id int); insert into made values (1)')
      const made = await client.query(`select tableowner from pg_tables where tablename = 'made'`)
      expect(made.rows).toEqual([{ tableowner: a.owner }])
      await client.query('drop table made')

      expect(await failureOf(logIn(b, lease))).toMatchObject({ code: '42501' })
      const home = new URL(server.brokerUrl).pathname.slice(1)
      expect(await failureOf(logIn({ ...a, database: home }, lease))).toMatchObject({ code: '42501' })
      for (const role of [b.owner, server.broker]) {
        expect(await failureOf(client.query(`set role ${pg.escapeIdentifier(role)}`))).toMatchObject({ code: '42501' })
      }
      await client.query('set role none')
      for (const forbidden of [
        `alter role ${lease.username} valid until 'infinity'`,
        `comment on role ${lease.username} is 'not a lease'`,
        `create role ${prefix}other`,
        `grant ${pg.escapeIdentifier(b.owner)} to ${lease.username}`,
        `grant ${lease.username} to ${server.broker}`,
      ]) {
        expect(await failureOf(client.query(forbidden)), forbidden).toMatchObject({ code: '42501' })
      }
    })

    it('the broker can use neither the owner nor what it made', async () => {
      const { a, admin, major } = server
      const leases = open()
      // Since 16 whoever makes a role may give itself what the role may, by this setting.
      if (major >= 16) await admin.query(`alter role ${server.broker} set createrole_self_grant = 'set, inherit'`)
      const { username } = await leases.issue(a)
      if (major >= 16) await admin.query(`alter role ${server.broker} reset createrole_self_grant`)
      const { rows } = await leases.pool.query(
        `select role, pg_has_role($1, role, 'USAGE') as usage from unnest($2::text[]) as role`,
        [server.broker, [username, a.owner]],
      )
      expect(rows).toEqual([username, a.owner].map(role => ({ role, usage: false })))
      expect(await failureOf(leases.pool.query(`set role ${username}`))).toMatchObject({ code: '42501' })
      await leases.ready()
    })

    it('50 at once are 50 logins', async () => {
      const leases = open()
      const issued = await Promise.all(Array.from({ length: 50 }, () => leases.issue(server.a)))
      expect(new Set(issued.map(({ username }) => username)).size).toBe(50)
      expect(new Set(issued.map(({ password }) => password.reveal())).size).toBe(50)
      await session(issued[49] as Credentials)
      await leases.revokeAll(server.a)
      expect(await server.logins()).toEqual([])
    })

    it('L9 the server refuses a login after its end, by its own clock, and the sweep drops it', async () => {
      const leases = open({ lifetime: 1000 })
      const lease = await leases.issue(server.a)
      const running = await session(lease)
      await sleep(1100)
      expect(await failureOf(logIn(server.a, lease))).toMatchObject({ code: '28P01' })
      // What has begun goes on until it is swept.
      await running.query('select 1')
      expect(await leases.sweep()).toEqual({ dropped: 1, failed: 0 })
      expect(await failureOf(running.query('select 1'))).toBeInstanceOf(Error)
      expect(await sessionsOf(lease)).toBe(0)
      expect(await server.logins()).toEqual([])
    })

    it('refuses an owner that is not there, that may more than a tenant, or is not the broker’s to lend', async () => {
      const { a, admin, broker, major } = server
      const leases = open()
      const owner = `${server.prefix}wrong`
      const refusals = async () => (await failureOf(leases.issue({ ...a, owner }))) as { details: { reason: string } }
      const lend = major >= 16 ? `grant ${owner} to ${broker} with admin true, inherit false, set false` : 'select 1'

      expect(await refusals()).toMatchObject({ code: 'CREDENTIALS_REFUSED', details: { source: 'postgres-leases' } })
      expect((await refusals()).details.reason).toContain(`no role "${owner}"`)
      await admin.query(`create role ${owner}`)
      if (major >= 16) {
        const { details } = await refusals()
        expect(details.reason).toContain(`permission denied to grant role "${owner}", SQLSTATE 42501`)
      }
      await admin.query(lend)
      for (const power of ['superuser', 'createdb', 'createrole', 'replication', 'bypassrls', 'login']) {
        await admin.query(`alter role ${owner} ${power}`)
        const { details } = await refusals()
        expect(details.reason).toContain(`has ${power.toUpperCase()},`)
        await admin.query(`alter role ${owner} no${power}`)
      }
      await admin.query(`grant pg_read_all_data to ${owner}`)
      expect((await refusals()).details.reason).toContain('what "pg_read_all_data" may')
      await admin.query(`drop role ${owner}`)
      expect(await failureOf(leases.issue({ ...a, owner: 'pg_read_all_data' }))).toMatchObject({
        code: 'CREDENTIALS_REFUSED',
      })
      expect(await failureOf(leases.issue({ ...a, owner: '\0' }))).toMatchObject({ code: 'CREDENTIALS_REFUSED' })
      expect(await server.logins()).toEqual([])
    })

    it.each(['us', '__proto__'])('refuses the unknown server %s', async unknown => {
      const leases = open()
      const target = { ...server.a, server: unknown }
      const works = [leases.issue(target), leases.revokeAll(target), leases.withdraw(target)]
      for (const work of works) {
        expect(await failureOf(work)).toMatchObject({
          code: 'CREDENTIALS_REFUSED',
          details: { reason: `there is no broker for server "${unknown}"` },
        })
      }
    })
  })

  describe('revoke', () => {
    it('D4 ends open sessions and a running query within 5 s, and no login follows', async () => {
      const leases = open()
      const [lease, other] = [await leases.issue(server.a), await leases.issue(server.a)]
      const idle = await session(lease)
      const busy = await session(lease)
      const neighbour = await session(other)
      await idle.query('begin; create temp table held (id int)')
      const running = failureOf(busy.query('select pg_sleep(60)'))
      const begun = Date.now()
      await leases.revoke(lease, server.a)
      expect(Date.now() - begun).toBeLessThan(5000)
      expect(await running).toMatchObject({ code: '57P01' })
      expect(await failureOf(idle.query('select 1'))).toBeInstanceOf(Error)
      expect((await failureOf(logIn(server.a, lease))).code).toMatch(/^28(?:P01|000)$/)
      expect(await sessionsOf(lease)).toBe(0)
      await neighbour.query('select 1')
      // As often as anybody likes, and by anybody.
      await leases.revoke(lease, server.a)
      await open().revoke(lease, server.a)
      await leases.revoke(other, server.a)
      expect(await server.logins()).toEqual([])
    })

    it('a storm of logins leaves no session behind', async () => {
      const leases = open()
      const lease = await leases.issue(server.a)
      let storming = true
      const admitted: pg.Client[] = []
      const storm = Promise.all(
        Array.from({ length: 8 }, async () => {
          while (storming) await logIn(server.a, lease).then(client => admitted.push(client), ignore)
        }),
      )
      await vi.waitFor(() => expect(admitted.length).toBeGreaterThan(8), 10_000)
      await leases.revoke(lease, server.a)
      const { rows } = await server.admin.query('select from pg_stat_activity where datname = $1', [server.a.database])
      expect(rows).toEqual([])
      storming = false
      await storm
      for (const client of admitted) expect(await failureOf(client.query('select 1'))).toBeInstanceOf(Error)
    })

    it('by several processes at once ends in the same', async () => {
      const [one, two, three] = [open(), open(), open()]
      const lease = await one.issue(server.a)
      await session(lease)
      await Promise.all([one, two, three].map(leases => leases.revoke(lease, server.a)))
      expect(await server.logins()).toEqual([])
    })

    it('leaves alone what is no lease of the tenant', async () => {
      const { a, b, admin } = server
      const leases = open()
      const lease = await leases.issue(a)
      expect(await failureOf(leases.revoke(lease, b))).toMatchObject({ code: 'OBJECT_FOREIGN' })
      const foreign = `${server.prefix}foreign`
      await admin.query(`create role ${foreign} login valid until '-infinity'`)
      // The mark of another.
      await admin.query(
        `comment on role ${foreign} is '${JSON.stringify({
          tenantry: 'pg-database',
          lease: lease.lease,
          tenant: tenantDigest(a.tenant),
        })}'`,
      )
      for (const name of [foreign, server.broker, a.owner]) {
        const credentials = { username: name, password: secret('x'), lease: name }
        expect(await failureOf(leases.revoke(credentials, a)), name).toMatchObject({ code: 'OBJECT_FOREIGN' })
      }
      expect(await failureOf(leases.revoke({ username: 'x', password: secret('x') }, a))).toMatchObject({
        code: 'ARGUMENT_INVALID',
      })
      await leases.revokeAll(a)
      expect(await leases.sweep()).toEqual({ dropped: 0, failed: 0 })
      expect(await server.logins()).toEqual([foreign])
      await admin.query(`drop role ${foreign}`)
    })

    it('revokeAll and withdraw end the leases of one tenant, of every process', async () => {
      const { a, b } = server
      const [here, there] = [open(), open()]
      const ofA = [await here.issue(a), await there.issue(a)]
      const ofB = await there.issue(b)
      const clients = await Promise.all(ofA.map(lease => session(lease)))
      await here.revokeAll(a)
      for (const client of clients) expect(await failureOf(client.query('select 1'))).toBeInstanceOf(Error)
      expect(await server.logins()).toEqual([ofB.username])
      await there.withdraw(b)
      await there.withdraw(b)
      expect(await server.logins()).toEqual([])
    })

    it('D4 a login that owns something is dead, is reported, and goes when what it owns has gone', async () => {
      const { a } = server
      const leases = open()
      const lease = await leases.issue(a)
      const client = await session(lease)
      await client.query('set role none; create table astray (id int)')
      await leases.revoke(lease, a)
      expect(await failureOf(client.query('select 1'))).toBeInstanceOf(Error)
      expect((await failureOf(logIn(a, lease))).code).toMatch(/^28(?:P01|000)$/)
      const kept = { level: 'error', details: { event: 'postgres-leases.kept', server: 'eu', lease: lease.username } }
      expect(leases.records).toMatchObject([kept])
      expect(await leases.sweep()).toEqual({ dropped: 0, failed: 1 })
      expect(leases.records).toMatchObject([kept, kept])

      await asAdmin(a.database, 'drop table astray')
      expect(await leases.sweep()).toEqual({ dropped: 1, failed: 0 })
      expect(await server.logins()).toEqual([])
    })

    it('D4 a session that does not end is told of within 5 s, and swept when it does', async ({ skip }) => {
      const { source } = servers.descriptor
      skip(source !== 'debian' && source !== 'embedded', 'needs a server whose processes can be stopped')
      const leases = open()
      const lease = await leases.issue(server.a)
      const client = await session(lease)
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
      const pid = rows[0]?.pid ?? Number.NaN
      process.kill(pid, 'SIGSTOP')
      const begun = Date.now()
      const failure = await failureOf(leases.revoke(lease, server.a)).finally(() => process.kill(pid, 'SIGCONT'))
      expect(Date.now() - begun).toBeLessThan(5000)
      const reason = `sessions of the login ${lease.username} on server "eu" have not ended within 4000 ms`
      expect(failure).toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE', details: { reason } })
      expect(leases.records).toMatchObject([{ details: { event: 'postgres-leases.failed', lease: lease.username } }])
      expect((await failureOf(logIn(server.a, lease))).code).toMatch(/^28(?:P01|000)$/)
      expect(await leases.sweep()).toEqual({ dropped: 1, failed: 0 })
    })

    it.each([
      ['commit', 'XX000'],
      ['hold', '55P03'],
    ])('somebody who changes the login meanwhile (%s) is no end: %s passes', async (then, state) => {
      const leases = open()
      const lease = await leases.issue(server.a)
      const other = await server.admin.connect()
      await other.query(`begin; alter role ${lease.username} connection limit 5`)
      const revoking = failureOf(leases.revoke(lease, server.a))
      await vi.waitFor(async () => {
        const { rows } = await server.admin.query(
          `select from pg_stat_activity where usename = $1 and wait_event = 'transactionid'`,
          [server.broker],
        )
        expect(rows).toHaveLength(1)
      }, 2500)
      if (then === 'commit') await other.query('commit')
      const details = { reason: `the broker of server "eu": SQLSTATE ${state}` }
      expect(await revoking).toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE', details })
      await other.query('rollback')
      other.release()
      await leases.revoke(lease, server.a)
      expect(await server.logins()).toEqual([])
    })
  })

  describe('sweep', () => {
    it('two at once drop each lease once, with open sessions', async () => {
      const [one, two] = [open({ lifetime: 500 }), open({ lifetime: 500 })]
      const leases = await Promise.all(Array.from({ length: 20 }, () => one.issue(server.a)))
      const clients = await Promise.all(leases.slice(0, 5).map(lease => session(lease)))
      const living = await open().issue(server.a)
      await sleep(600)
      const reports = await Promise.all([one.sweep(), two.sweep(), one.sweep()])
      expect(reports.reduce((sum, { dropped }) => sum + dropped, 0)).toBe(20)
      expect(reports.reduce((sum, { failed }) => sum + failed, 0)).toBe(0)
      for (const client of clients) expect(await failureOf(client.query('select 1'))).toBeInstanceOf(Error)
      expect(await server.logins()).toEqual([living.username])
      await one.revoke(living, server.a)
    })

    it('comes by itself, until the source is closed', async () => {
      const leases = open({ lifetime: 300, sweepEvery: 50 })
      await leases.issue(server.a)
      await vi.waitFor(async () => expect(await server.logins()).toEqual([]), 5000)
      await leases.close()
      await leases.close()
      const { username } = await leases.issue(server.a)
      await sleep(600)
      expect(await server.logins()).toEqual([username])
      expect(await leases.sweep()).toEqual({ dropped: 1, failed: 0 })
    })

    it('one broker that is down is reported, and the others are swept', async () => {
      const nowhere = new pg.Pool({ connectionString: 'postgresql://nobody@127.0.0.1:1/none' })
      const eu = new pg.Pool({ connectionString: server.brokerUrl, max: 1 })
      const leases = open({ brokers: { us: nowhere, eu }, lifetime: 1 })
      await leases.issue(server.a)
      await sleep(10)
      expect(await leases.sweep()).toEqual({ dropped: 1, failed: 1 })
      expect(leases.records).toMatchObject([{ details: { event: 'postgres-leases.sweep', server: 'us' } }])
      await leases.close()
      await Promise.all([nowhere.end(), eu.end()])
    })
  })

  describe('faults', () => {
    it('a process that is killed leaves no login past its end', { timeout: 60_000 }, async () => {
      const lifetime = 1500
      const { a: target, brokerUrl, prefix } = server
      for (const delay of [0, 10, 'some'] as const) {
        const child = fork(fileURLToPath(new URL('./lease-child.ts', import.meta.url)), [], {
          execArgv: ['--import', 'tsx', '-C', 'tenantry-source'],
        })
        child.send({ target, brokerUrl, prefix, lifetime })
        const [said] = await once(child, 'message')
        expect(said).toBe('begun')
        if (delay === 'some') await expect.poll(server.logins, { timeout: 20_000 }).not.toEqual([])
        else await sleep(delay)
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
      // The server notices within a moment that nobody is there to commit.
      await sleep(lifetime + 500)
      const leases = open()
      const left = await server.logins()
      expect(left.length).toBeGreaterThan(0)
      expect(await leases.sweep()).toEqual({ dropped: left.length, failed: 0 })
      expect(await server.logins()).toEqual([])
    })

    it('a connection cut at every message of issuing leaves nothing, or a lease with its end', async () => {
      const { a, admin, brokerUrl } = server
      const cut = await atEveryMessage({
        target: brokerUrl,
        script: async proxy => {
          const pool = new pg.Pool({ connectionString: proxy.url(brokerUrl), max: 1 })
          const leases = postgresLeases({ brokers: { eu: pool }, prefix: server.prefix, logger: recorder() })
          try {
            return await leases.issue(a)
          } finally {
            await leases.close()
            pool.on('error', ignore)
            await pool.end()
          }
        },
        after: ({ at, outcome }) => {
          if (outcome.status === 'rejected') {
            expect(outcome.reason, at.message).toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE' })
          }
        },
      })
      expect(cut.filter(({ outcome }) => outcome.status === 'rejected').length).toBeGreaterThan(10)
      const { rows } = await admin.query(
        `select from pg_roles r where starts_with(rolname, $1) and (rolvaliduntil is null
           or shobj_description(r.oid, 'pg_authid') is null or not pg_has_role(r.oid, $2, 'MEMBER'))`,
        [server.prefix, a.owner],
      )
      expect(rows).toEqual([])
      await open().revokeAll(a)
      expect(await server.logins()).toEqual([])
    })

    it('a connection cut at every message of revoking leaves a login that the next sweep drops', {
      timeout: 120_000,
    }, async () => {
      const { a, brokerUrl } = server
      const sure = open()
      const issued: Credentials[] = []
      await atEveryMessage({
        target: brokerUrl,
        script: async proxy => {
          const lease = await sure.issue(a)
          issued.push(lease)
          const pool = new pg.Pool({ connectionString: proxy.url(brokerUrl), max: 1 })
          const leases = postgresLeases({ brokers: { eu: pool }, prefix: server.prefix, logger: recorder() })
          try {
            await leases.revoke(lease, a)
          } finally {
            await leases.close()
            pool.on('error', ignore)
            await pool.end()
          }
        },
        after: async ({ at, outcome }) => {
          const failed = outcome.status === 'rejected'
          if (failed) expect(outcome.reason, at.message).toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE' })
          // Before the first commit nothing has happened yet, and the caller has been told.
          const left = (await server.logins()).includes(issued.at(-1)?.username ?? '')
          expect(left && !failed, at.message).toBe(false)
        },
      })
      const { rows } = await server.admin.query<{ name: string }>(
        'select rolname as name from pg_roles where starts_with(rolname, $1) and rolcanlogin',
        [server.prefix],
      )
      for (const { name } of rows) {
        await sure.revoke(issued.find(({ username }) => username === name) as Credentials, a)
      }
      const half = await server.logins()
      expect(half.length).toBeGreaterThan(10)
      expect(await sure.sweep()).toEqual({ dropped: half.length, failed: 0 })
      expect(await server.logins()).toEqual([])
    })

    it.each(['set local role', 'pg_terminate_backend', 'drop role'])(
      'a connection cut before %s leaves a dead login, and its sessions to the next sweep',
      async words => {
        const { a, brokerUrl } = server
        const proxy = await startFaultProxy({ target: brokerUrl })
        opened.push(proxy.close)
        const leases = open({}, proxy.url(brokerUrl), 1)
        const lease = await leases.issue(a)
        const client = await session(lease)
        const message = words === 'pg_terminate_backend' ? 'Parse' : 'Query'
        const rule = proxy.rule({
          on: 'frontend',
          message,
          match: bytes => bytes.includes(words),
          nth: 1,
          fault: 'cut',
        })
        expect(await failureOf(leases.revoke(lease, a))).toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE' })
        expect(rule.struck).toBe(1)
        expect((await failureOf(logIn(a, lease))).code).toMatch(/^28(?:P01|000)$/)
        expect(await leases.sweep()).toEqual({ dropped: 1, failed: 0 })
        expect(await failureOf(client.query('select 1'))).toBeInstanceOf(Error)
        const { rows } = await server.admin.query(
          `select from pg_auth_members where member = $1::regrole and (
        coalesce((to_jsonb(pg_auth_members) ->> 'inherit_option')::boolean, true) or (to_jsonb(pg_auth_members) ->> 'set_option')::boolean)`,
          [server.broker],
        )
        expect(rows, 'nothing is left of what the broker became').toEqual([])
      },
    )

    it('a broker that is down is unavailable, and works when it is back', { timeout: 60_000 }, async () => {
      const own = await servers.ownServer()
      const elsewhere = await leaseServer(own)
      const leases = open({ prefix: elsewhere.prefix, lifetime: 1000 }, elsewhere.brokerUrl)
      await leases.issue(elsewhere.a)
      elsewhere.admin.on('error', ignore)
      await own.down()
      const works = [
        leases.ready(),
        leases.issue(elsewhere.a),
        leases.revoke({ username: 'x', password: secret('x'), lease: 'x' }, elsewhere.a),
        leases.revokeAll(elsewhere.a),
      ]
      for (const work of works) {
        expect(await failureOf(work)).toMatchObject({
          code: 'CREDENTIALS_UNAVAILABLE',
          details: { source: 'postgres-leases', reason: expect.stringMatching(/^the broker of server "eu": \w+/) },
        })
      }
      expect(await leases.sweep()).toEqual({ dropped: 0, failed: 1 })
      await own.up()
      await leases.ready()
      await sleep(1000)
      expect(await leases.sweep()).toEqual({ dropped: 1, failed: 0 })
      const lease = await leases.issue(elsewhere.a)
      await session(lease, elsewhere.a)
    })

    it('a broker whose password is wrong, or whose pool has ended, is unavailable', async () => {
      const url = new URL(server.brokerUrl)
      url.password = 'wrong'
      const failure = await failureOf(open({}, url.href).issue(server.a))
      expect(failure).toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE' })
      expect(failure.message).toContain('SQLSTATE 28P01')
      const leases = open()
      const pool = new pg.Pool()
      await pool.end()
      const ended = open({ brokers: { eu: pool } })
      expect((await failureOf(ended.issue(server.a))).message).toContain('its pg.Pool was ended')
      await leases.ready()
    })
  })

  describe('ready', () => {
    it('wants CREATEROLE and nothing else', async () => {
      const { admin, broker, a } = server
      const leases = open()
      const problems = async () => {
        const failure = (await failureOf(leases.ready())) as { details: { problems: readonly string[] } }
        expect(failure).toMatchObject({ code: 'CONFIG_INVALID', details: { source: 'postgres-leases' } })
        return failure.details.problems
      }
      await admin.query(`alter role ${broker} nocreaterole createdb replication bypassrls superuser`)
      const role = `brokers.eu: the role "${broker}"`
      expect(await problems()).toEqual([
        `${role} must have CREATEROLE`,
        ...['SUPERUSER', 'CREATEDB', 'REPLICATION', 'BYPASSRLS'].map(power => `${role} must not have ${power}`),
      ])
      await admin.query(`alter role ${broker} createrole nocreatedb noreplication nobypassrls nosuperuser`)
      await leases.ready()
      const owner = pg.escapeIdentifier(a.owner)
      const grants = server.major < 16 ? [''] : ['with inherit true, set false', 'with inherit false, set true']
      for (const how of grants) {
        await admin.query(`grant ${owner} to ${broker} ${how}`)
        expect(await problems()).toEqual([`${role} must not be a member of "${a.owner}" with INHERIT or SET`])
      }
      await admin.query(
        server.major < 16
          ? `revoke ${owner} from ${broker}`
          : `grant ${owner} to ${broker} with inherit false, set false`,
      )
      await leases.ready()
    })
  })

  describe('secrets', () => {
    it('no statement carries a password, and nothing that can be printed shows one', async () => {
      const { a, brokerUrl, admin } = server
      const proxy = await startFaultProxy({ target: brokerUrl })
      let sent = ''
      for (const message of ['Query', 'Parse', 'Bind'] as const) {
        proxy.rule({
          on: 'frontend',
          message,
          match: bytes => {
            sent += bytes.toString('latin1')
            return false
          },
          fault: 'cut',
        })
      }
      const leases = open({}, proxy.url(brokerUrl))
      const lease = await leases.issue(a)
      const password = lease.password.reveal()
      expect(sent).toContain('SCRAM-SHA-256$1:')
      const text = `${inspect(lease, { depth: null, showHidden: true })}${JSON.stringify(lease)}${lease.password}`
      expect(text).toContain('[redacted]')
      await leases.revoke(lease, a)

      // One whose statement fails, and one whose connection is lost behind it.
      await admin.query(`create role ${server.prefix}taken`)
      const failures: unknown[] = [await failureOf(leases.issue({ ...a, owner: `${server.prefix}missing` }))]
      if (server.major >= 16) failures.push(await failureOf(leases.issue({ ...a, owner: `${server.prefix}taken` })))
      await admin.query(`drop role ${server.prefix}taken`)
      proxy.rule({ on: 'frontend', message: 'Query', match: bytes => bytes.includes('SCRAM'), fault: 'cut' })
      failures.push(await failureOf(leases.issue(a)))
      const told = inspect([failures, leases.records], { depth: null, showHidden: true })
      expect(told).toContain('CREDENTIALS_UNAVAILABLE')
      expect(told).not.toContain('SCRAM')
      for (const where of [sent, text, told]) expect(where).not.toContain(password)
      await leases.close()
      await leases.pool.end()
      opened.pop()
      await proxy.close()
    })
  })

  it.each([
    [{ lifetime: 0 }, 'lifetime'],
    [{ lifetime: 1.5 }, 'lifetime'],
    [{ lifetime: 2 ** 31 }, 'lifetime'],
    [{ sweepEvery: Number.NaN }, 'sweepEvery'],
    [{ prefix: 'L_' }, 'prefix'],
    [{ prefix: '' }, 'prefix'],
    [{ prefix: 'pg_l' }, 'prefix'],
    [{ prefix: 'l'.repeat(25) }, 'prefix'],
    [{ brokers: {} }, 'brokers'],
  ])('refuses %j', (options, field) => {
    const brokers = { eu: new pg.Pool() }
    expect(() => postgresLeases({ brokers, ...options })).toThrow(
      expect.objectContaining({ code: 'ARGUMENT_INVALID', details: expect.objectContaining({ field }) }),
    )
  })

  async function asAdmin(database: string, statement: string): Promise<void> {
    const url = new URL(servers.descriptor.adminUrl)
    url.pathname = `/${database}`
    const client = new pg.Client({ connectionString: url.href })
    await client.connect()
    await client.query(statement)
    await client.end()
  }
})

function ignore(): void {
  // What comes of it is looked at elsewhere.
}
