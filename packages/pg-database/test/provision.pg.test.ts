import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type CredentialSource, TenancyError, type Tenant, tenantDigest } from '@tenantry/core'
import { startFaultProxy } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { makeDatabaseTemplate, type PgDatabase, type PgDatabaseOptions, postgresLeases } from '../src/index.ts'
import { databaseIsolation, failureOf, type Ground, makeGround, silent, tenantOn } from './support.ts'

describePostgres('provisioning a database for a tenant', server => {
  let ground: Ground
  const closing: (() => Promise<unknown>)[] = []

  function open(options: Partial<PgDatabaseOptions> = {}): PgDatabase {
    const isolation = databaseIsolation(ground, options)
    closing.push(() => isolation.close())
    return isolation
  }

  function leased(): CredentialSource {
    const broker = new pg.Pool({ connectionString: ground.brokerUrl, max: 2 })
    const source = postgresLeases({ brokers: { one: broker }, prefix: `${ground.prefix}l_`, logger: silent })
    closing.unshift(async () => {
      await source.close()
      await broker.end()
    })
    return source
  }

  async function inDatabase<T extends object>(tenant: Tenant, sql: string): Promise<T[]> {
    const client = new pg.Client(ground.urlOf(String(tenant.placement.database)))
    await client.connect()
    try {
      return (await client.query<T>(sql)).rows
    } finally {
      await client.end()
    }
  }

  beforeAll(async () => {
    ground = await makeGround(server, {
      sql: `create table notes (id uuid primary key, text text not null);
            create sequence numbers;
            create view all_notes as select * from notes;
            create function twice(int) returns int language sql return $1 * 2;
            create schema more; create table more.things (id int references more.things); create type mood as enum ('good')`.replace(
        'references more.things',
        '',
      ),
    })
  })
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
    expect(await ground.left()).toEqual([])
  })
  afterAll(() => ground?.close())

  it('S06 S20 from a template gives the tenant all that is in it', async () => {
    const isolation = open()
    const tenant = tenantOn(ground)
    await isolation.provision(tenant)
    const { rows } = await isolation
      .handle(() => tenant)
      .query(
        `select (select count(*) from all_notes)::int as notes, nextval('numbers')::int as number, twice(4) as eight, (select count(*) from more.things)::int as things, 'good'::mood as mood`,
      )
    expect(rows).toEqual([{ notes: 0, number: 1, eight: 8, things: 0, mood: 'good' }])
    const owners = await inDatabase(
      tenant,
      `select distinct pg_get_userbyid(relowner) as owner from pg_class where relnamespace in ('public'::regnamespace, 'more'::regnamespace)`,
    )
    expect(owners).toEqual([{ owner: 'pg_database_owner' }])
    await isolation.deprovision(tenant)
  })

  it('S18 S30 leaves the provisioner nothing of the tenant’s but the right to make its logins', async () => {
    const isolation = open()
    const tenant = tenantOn(ground)
    await isolation.provision(tenant)
    const { rows } = await ground.admin.query(`select pg_has_role($1, $2, 'USAGE') as has`, [
      ground.provisioner.username,
      tenant.placement.database,
    ])
    expect(rows).toEqual([{ has: false }])
    const {
      rows: [attributes],
    } = await ground.admin.query(
      'select rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication from pg_roles where rolname = $1',
      [ground.provisioner.username],
    )
    expect(attributes).toEqual({
      rolsuper: false,
      rolcreatedb: true,
      rolcreaterole: true,
      rolbypassrls: false,
      rolreplication: false,
    })
    await isolation.deprovision(tenant)
  })

  it('D8 lets nobody else connect', async () => {
    const isolation = open()
    const [tenant, other] = [tenantOn(ground), tenantOn(ground)]
    for (const each of [tenant, other]) await isolation.provision(each)
    const { rows } = await ground.admin.query(
      `select rolname from pg_roles r where has_database_privilege(r.oid, $1, 'CONNECT') and not rolsuper and rolname !~ '^pg_' order by 1`,
      [tenant.placement.database],
    )
    expect(rows).toEqual([{ rolname: tenant.placement.database }, { rolname: `${tenant.placement.database}_login` }])
    for (const each of [tenant, other]) await isolation.deprovision(each)
  })

  it('the tenant may not change the identity of its database', async () => {
    const isolation = open()
    const tenant = tenantOn(ground)
    await isolation.provision(tenant)
    const { query } = isolation.handle(() => tenant)
    for (const sql of [
      "update tenantry.identity set tenant = 'other'",
      'delete from tenantry.identity',
      'drop table tenantry.identity',
      'drop schema tenantry cascade',
      'alter schema tenantry rename to gone',
      'create table tenantry.more (id int)',
    ])
      expect(await failureOf(query(sql)), sql).toMatchObject({ code: '42501' })
    await isolation.deprovision(tenant)
  })

  it.each([
    [
      'migrations',
      {
        by: 'migrate',
        migrate: (query: (sql: string) => Promise<unknown>) =>
          query('create table notes (id uuid primary key, text text not null)'),
      },
    ],
    ['statements', { by: 'sql', statements: ['create table notes (id uuid primary key, text text not null)'] }],
  ] as const)('by %s makes what they say, as the owner', async (_, structure) => {
    const isolation = open({ structure: structure as never })
    const tenant = tenantOn(ground)
    await isolation.provision(tenant)
    expect((await isolation.handle(() => tenant).query('select * from notes')).rows).toEqual([])
    expect(
      await inDatabase(tenant, `select pg_get_userbyid(relowner) as owner from pg_class where relname = 'notes'`),
    ).toEqual([{ owner: tenant.placement.database }])
    await isolation.deprovision(tenant)
  })

  describe('that fails', () => {
    it.each([
      [
        'statements that are wrong',
        { structure: { by: 'sql', statements: ['create table notes (id int)', 'nonsense'] } },
        'PROVISIONING_FAILED',
      ],
      [
        'migrations that end the transaction',
        { structure: { by: 'migrate', migrate: (query: (sql: string) => Promise<unknown>) => query('commit; begin') } },
        'PROVISIONING_FAILED',
      ],
      ['a template that is missing', { structure: { by: 'template', database: 'nowhere' } }, 'TEMPLATE_MISSING'],
    ])('for %s leaves nothing', async (_, options, code) => {
      const isolation = open(options as never)
      expect(await failureOf(isolation.provision(tenantOn(ground)))).toMatchObject({ code })
      expect(await ground.left()).toEqual([])
    })

    it('for credentials that cannot be had leaves nothing', async () => {
      const isolation = open({
        credentials: {
          name: 'away',
          issue: async () => {
            throw new TenancyError('CREDENTIALS_UNAVAILABLE', { source: 'away', reason: 'away' })
          },
        },
      })
      expect(await failureOf(isolation.provision(tenantOn(ground)))).toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE' })
      expect(await ground.left()).toEqual([])
    })

    it('without a provisioner makes nothing', async () => {
      expect(await failureOf(open({ provisioners: {} }).provision(tenantOn(ground)))).toMatchObject({
        code: 'CONFIG_INVALID',
      })
    })
  })

  describe('what somebody else made', () => {
    it.each([
      [
        'database',
        (name: string) => [`create database ${name} allow_connections false`],
        (name: string) => [`drop database ${name}`],
      ],
      ['role', (name: string) => [`create role ${name}`], (name: string) => [`drop role ${name}`]],
      ['role', (name: string) => [`create role ${name}_login`], (name: string) => [`drop role ${name}_login`]],
    ])('a %s of the name is neither adopted nor dropped', async (kind, make, drop) => {
      const isolation = open()
      const tenant = tenantOn(ground)
      const name = String(tenant.placement.database)
      for (const sql of make(name)) await ground.admin.query(sql)
      const before = await ground.left()
      expect(await failureOf(isolation.provision(tenant))).toMatchObject({ code: 'OBJECT_FOREIGN', details: { kind } })
      expect(await ground.left()).toEqual(before)
      for (const sql of drop(name)) await ground.admin.query(sql)
    })

    it('a database that a placement names and another tenant owns', async () => {
      const isolation = open()
      const [tenant, thief] = [tenantOn(ground), tenantOn(ground)]
      await isolation.provision(tenant)
      const placed = { ...thief, placement: { ...thief.placement, database: tenant.placement.database ?? '' } }
      const foreign = { code: 'OBJECT_FOREIGN', details: { kind: 'database' } }
      expect(await failureOf(isolation.provision(placed))).toMatchObject(foreign)
      expect(await failureOf(isolation.deprovision(placed))).toMatchObject(foreign)
      expect(await failureOf(isolation.handle(() => placed).query('select 1'))).toMatchObject({
        code: expect.stringMatching(/^(?:CONFIG_INVALID|TENANT_STORE_MISSING)$/),
      })
      // Also for one who has a role and a database of its own.
      await isolation.provision(thief)
      expect(await failureOf(isolation.provision(placed))).toMatchObject(foreign)
      expect(await failureOf(isolation.deprovision(placed))).toMatchObject(foreign)
      for (const each of [tenant, thief]) await isolation.deprovision(each)
    })
  })

  it('twenty at once, and one tenant from five sides', async () => {
    const isolation = open()
    const tenants = Array.from({ length: 20 }, () => tenantOn(ground))
    const [first] = tenants as [Tenant]
    await Promise.all([...tenants, first, first, first, first].map(isolation.provision))
    for (const tenant of tenants)
      expect((await isolation.handle(() => tenant).query('select * from notes')).rows).toEqual([])
    for (const tenant of tenants) await isolation.deprovision(tenant)
  })

  it('the default tenant is not erased', async () => {
    const isolation = open()
    const tenant = tenantOn(ground, { isDefault: true })
    await isolation.provision(tenant)
    expect(await failureOf(isolation.deprovision(tenant))).toMatchObject({ code: 'TENANT_PROTECTED' })
    await isolation.deprovision({ ...tenant, isDefault: false })
  })

  it('a tenant that is busy is erased all the same, leases and all', async () => {
    const isolation = open({ credentials: leased() })
    const tenant = tenantOn(ground)
    await isolation.provision(tenant)
    const busy = failureOf(isolation.handle(() => tenant).query('select pg_sleep(30)'))
    await expect.poll(() => isolation.metrics().connections.busy).toBe(1)
    const { erased } = await isolation.deprovision(tenant)
    expect(erased.map(({ kind }) => kind)).toContain('database')
    expect(await busy).toMatchObject({ code: expect.stringMatching(/^(?:CONNECTION_LOST|PLACEMENT_INVALID)$/) })
  })

  it('a template is made anew while it is used', async () => {
    const { host, port, provisioner, template } = ground
    const isolation = open()
    const tenants = Array.from({ length: 3 }, () => tenantOn(ground))
    const migrate = (query: (sql: string) => Promise<unknown>) =>
      query('create table notes (id uuid primary key, text text not null, more int)')
    await Promise.all([
      makeDatabaseTemplate({ server: { host, port }, provisioner, database: template, migrate }),
      ...tenants.map(isolation.provision),
    ])
    for (const tenant of tenants) await isolation.deprovision(tenant)
    const late = tenantOn(ground)
    await isolation.provision(late)
    expect((await isolation.handle(() => late).query('select more from notes')).rows).toEqual([])
    await isolation.deprovision(late)
    expect(
      await failureOf(
        makeDatabaseTemplate({
          server: { host, port },
          provisioner,
          database: template,
          migrate: query => query('nonsense'),
        }),
      ),
    ).toMatchObject({ code: 'TEMPLATE_REBUILD_FAILED' })
    expect(await ground.left()).toEqual([`database ${template}_next`])
    await makeDatabaseTemplate({ server: { host, port }, provisioner, database: template, migrate })
  })

  /** Kills a process behind each message of its provisioning, so many times; the next call makes all whole. */
  it('a process that is killed anywhere leaves what the next call finishes', async () => {
    const times = Number(process.env.TENANTRY_KILLS ?? 1)
    const isolation = open({ credentials: leased() })
    let kills = 0
    for (let step = 1; step < 200; step++) {
      let ended = false
      for (let time = 0; time < times; time++) {
        const tenant = tenantOn(ground)
        ended = !(await killedAt(tenant, step))
        if (!ended) kills += 1
        await isolation.provision(tenant)
        const { query } = isolation.handle(() => tenant)
        await query('insert into notes (id, text) values (gen_random_uuid(), $1)', [tenant.id])
        expect((await query('select text from notes')).rows).toEqual([{ text: tenant.id }])
        await isolation.deprovision(tenant)
        expect(await ground.left(), `after step ${step}`).toEqual([])
      }
      if (ended) break
      // Every third message in the suite; all of them by TENANTRY_KILLS=20.
      if (times === 1) step += 2
    }
    expect(kills).toBeGreaterThan(times * 5)
  }, 3_600_000)

  /** @returns whether the process was killed before it was done. */
  async function killedAt(tenant: Tenant, step: number): Promise<boolean> {
    const { host, port, prefix, template, provisioner } = ground
    let seen = 0
    const way = await startFaultProxy({
      target: { host, port },
      onMessage: ({ on, message }) => {
        if (on === 'frontend' && /^(?:Query|Parse)$/.test(message) && ++seen === step) child.kill('SIGKILL')
      },
    })
    const { username, password, database } = provisioner
    const far = {
      host: '127.0.0.1',
      port: way.port,
      prefix,
      template,
      brokerUrl: way.url(ground.brokerUrl),
      provisioner: { database },
    }
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '-C', 'tenantry-source', new URL('provision-child.ts', import.meta.url).pathname],
      {
        env: {
          ...process.env,
          TENANTRY_CHILD: JSON.stringify({ ground: far, tenant, username, password: password.reveal() }),
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    await way.close()
    if (signal === null && code !== 0) throw new Error(`The child ended with ${code}.`)
    // What it did last may still be under way.
    await expect
      .poll(
        async () =>
          (
            await ground.admin.query(
              `select from pg_stat_activity where application_name = 'tenantry provisioner' and state <> 'idle'`,
            )
          ).rowCount,
      )
      .toBe(0)
    return signal !== null
  }

  it.each([
    ['no server', {}, 'it names no server'],
    ['an unknown server', { server: 'mars' }, 'there is no server "mars"; configured are one'],
    ['a server by its prototype', { server: 'constructor' }, 'there is no server "constructor"; configured are one'],
    ['no database', { server: 'one' }, 'it names no database'],
    ['the database of the server', { server: 'one', database: 'postgres' }, 'is no name for a database'],
    ['a name that is folded', { server: 'one', database: 'P1_Acme' }, 'is no name for a database'],
    ['a name that is cut', { server: 'one', database: 'p'.padEnd(64, 'x') }, 'is no name for a database'],
    ['an option', { server: 'one', database: 'x?options=-crole=y' }, 'is no name for a database'],
    ['a database of others', { server: 'one', database: 'bootstrap' }, 'must begin with'],
    ['an epoch that is none', { server: 'one', database: 'PREFIX', epoch: '0' }, 'its epoch'],
    ['an epoch that is none', { server: 'one', database: 'PREFIX', epoch: '1e3' }, 'its epoch'],
  ])('a placement with %s is refused: %o', async (_, placement, problem) => {
    const isolation = open()
    const given = placement as Readonly<Record<string, string>>
    const database = given.database === 'PREFIX' ? `${ground.prefix}${tenantDigest('x')}` : given.database
    const tenant = {
      ...tenantOn(ground),
      placement: { ...given, ...(database === undefined ? {} : { database }) },
    }
    for (const work of [
      () => isolation.provision(tenant),
      () => isolation.deprovision(tenant),
      () => isolation.handle(() => tenant).query('select 1'),
    ])
      expect(await failureOf((async () => work())())).toMatchObject({
        code: 'PLACEMENT_INVALID',
        details: { problem: expect.stringContaining(problem) },
      })
    expect((await isolation.health(tenant)).ok).toBe(false)
  })
})
