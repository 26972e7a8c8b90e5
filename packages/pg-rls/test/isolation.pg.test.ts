import { isTenancyError, type Tenant } from '@tenantry/core'
import type { FreshDatabase } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type PgRlsOptions, pgRls, protectTable } from '../src/index.ts'
import { connect, execute, expectCount, openPool, recorder, refusal, sqlState, threeTenants } from './support.ts'

const { tenancy, a, b, c } = await threeTenants()
const tables = ['configurations', 'agents']

describe('pgRls refuses options', () => {
  const pool = new pg.Pool()
  it('a setting without a prefix, and no schemas at all', async () => {
    expect(await refusal(() => pgRls({ pool, setting: 'tenant' }))).toBe('ARGUMENT_INVALID')
    expect(await refusal(() => pgRls({ pool, schemas: [] }))).toBe('ARGUMENT_INVALID')
    expect(pool.listenerCount('error')).toBe(0)
  })
})

describePostgres('pgRls', server => {
  let database: FreshDatabase
  const pools: pg.Pool[] = []

  beforeAll(async () => {
    database = await server.freshDatabase()
    await execute(
      database.ownerUrl,
      ...tables.flatMap(table => [
        `create table ${table} (id int generated always as identity, body text)`,
        ...protectTable(table, { runtimeRole: database.runtimeRole, index: false }),
        `alter table ${table} add primary key (tenant_id, id)`,
      ]),
    )
  })
  beforeEach(async () => {
    for (const table of tables) {
      await execute(
        database.adminUrl,
        `delete from ${table}`,
        `insert into ${table} (tenant_id, body) values ('a', 'a1'), ('a', 'a2'), ('b', 'b1'), ('b', 'b2'), ('b', 'b3')`,
      )
    }
  })
  afterAll(async () => {
    for (const pool of pools) await pool.end()
  })

  /** An isolation with a pool of its own, of a database of this file. */
  function open(options: Partial<PgRlsOptions> & { of?: Pick<FreshDatabase, 'runtimeUrl'>; max?: number } = {}) {
    const { of = database, max = 3, ...more } = options
    const pool = openPool(of, { max })
    pools.push(pool)
    const sent: string[] = []
    let acquired = 0
    pool.on('acquire', () => {
      acquired += 1
    })
    const logger = recorder()
    const isolation = pgRls({ pool, logger, ...more })
    return { pool, isolation, logger, rows: tenancy.handle(isolation), sent, acquired: () => acquired }
  }
  /** A database of its own, with one clean table, to make unsafe. */
  async function ownDatabase(...more: string[]): Promise<FreshDatabase> {
    const own = await server.freshDatabase()
    const protect = protectTable('notes', { runtimeRole: own.runtimeRole })
    await execute(own.ownerUrl, 'create table notes (body text)', ...protect, ...more)
    return own
  }
  const bodies = (tenant: Tenant, rows: ReturnType<typeof open>['rows'], text: string, values?: unknown[]) =>
    tenancy.run(tenant, async () => (await rows.query<{ body: string }>(text, values)).rows.map(({ body }) => body))

  it('A03 A04 count(*) without a WHERE counts only own rows, also raw, in a subquery and in a join', async () => {
    const { rows } = open()
    for (const [tenant, count] of [
      [a, 2],
      [b, 3],
      [c, 0],
    ] as const) {
      for (const text of [
        'select count(*) from configurations',
        'select count(*) from (select * from configurations) x',
        'select count(*) from configurations where exists (select from agents)',
        'with x as materialized (select * from configurations) select count(*) from x',
      ]) {
        expectCount(await tenancy.run(tenant, () => rows.query(text)), count)
      }
      expectCount(
        await tenancy.run(tenant, () => rows.query('select count(*) from configurations, agents')),
        count * count,
      )
    }
  })

  it('A03 cross-read, cross-write and cross-delete by id reach nothing', async () => {
    const { rows } = open()
    const [id] = (await execute(database.adminUrl, `select id from agents where body = 'b1'`)).rows.map(r => r.id)
    for (const text of [
      'select body from agents where id = $1',
      `update agents set body = 'x' where id = $1 returning body`,
      'delete from agents where id = $1 returning body',
    ]) {
      expect(await bodies(a, rows, text, [id])).toEqual([])
    }
    expect(await tenancy.run(a, () => sqlState(rows.query(`update agents set tenant_id = 'b'`)))).toBe('42501')
    expect(await bodies(b, rows, 'select body from agents order by 1')).toEqual(['b1', 'b2', 'b3'])
  })

  it('A33 A34 a fresh tenant has no configurations and no agents, and another only its own', async () => {
    const { rows } = open()
    for (const table of tables) {
      expect(await bodies(c, rows, `select body from ${table}`)).toEqual([])
      expect(await bodies(a, rows, `select body from ${table} order by 1`)).toEqual(['a1', 'a2'])
    }
  })

  it('A38 the default and control tenant sees only its own rows', async () => {
    const { rows } = open()
    expect(a).toMatchObject({ isDefault: true, isControl: true })
    expect(await bodies(a, rows, 'select body from agents order by 1')).toEqual(['a1', 'a2'])
  })

  it('A39 A40 the storage layer itself: a raw client of the runtime role sees nothing of a full table', async () => {
    const raw = await connect(database.runtimeUrl)
    try {
      expectCount(await raw.query('select count(*) from configurations'), 0)
      expect((await raw.query('delete from configurations')).rowCount).toBe(0)
      expect(await sqlState(raw.query(`insert into configurations (tenant_id) values ('a')`))).toBe('42501')
    } finally {
      await raw.end()
    }
    expectCount(await execute(database.adminUrl, 'select count(*) from configurations'), 5)
  })

  it('A40 a connection of the same pool without the scope sees nothing either', async () => {
    const { rows, pool } = open({ max: 1 })
    expect(await bodies(a, rows, 'select body from agents order by 1')).toEqual(['a1', 'a2'])
    expectCount(await pool.query('select count(*) from agents'), 0)
  })

  it('A14 inserts are filled from the context, through Kysely too', async () => {
    const { rows } = open()
    const dialect = new PostgresDialect({ pool: rows as unknown as pg.Pool })
    const db = new Kysely<{ agents: { tenant_id: string | null; body: string } }>({ dialect })
    const made = await tenancy.run(b, () =>
      db
        .insertInto('agents')
        .values({ body: 'new' } as never)
        .returningAll()
        .executeTakeFirstOrThrow(),
    )
    expect(made.tenant_id).toBe('b')
    expect(await tenancy.run(a, () => db.selectFrom('agents').select('body').orderBy('body').execute())).toEqual([
      { body: 'a1' },
      { body: 'a2' },
    ])
  })

  it('the handle is lazy: nothing is opened before it is used', async () => {
    const { pool, rows, acquired } = open()
    expect([pool.totalCount, acquired()]).toEqual([0, 0])
    await tenancy.run(a, () => rows.query('select 1'))
    expect(acquired()).toBeGreaterThan(0)
  })

  it('without a tenant nothing is sent: TENANT_CONTEXT_MISSING, in the system scope too', async () => {
    const { rows, acquired, pool } = open()
    const system = <T>(fn: () => T) => tenancy.runAsSystem({ actor: 'test', reason: 'test' }, fn)
    for (const inside of [<T>(fn: () => T) => fn(), system]) {
      expect(await inside(() => refusal(() => rows.query('select 1')))).toBe('TENANT_CONTEXT_MISSING')
      expect(await inside(() => refusal(() => rows.connect()))).toBe('TENANT_CONTEXT_MISSING')
    }
    expect([acquired(), pool.totalCount]).toEqual([0, 0])
  })

  it('A06 ready refuses an unsafe configuration with all errors, and no statement is sent before it is mended', async () => {
    const own = await ownDatabase()
    await execute(own.ownerUrl, 'alter table notes no force row level security', 'drop policy tenantry_tenant on notes')
    await execute(own.adminUrl, `insert into notes (body, tenant_id) values ('of b', 'b')`)
    const { isolation, rows } = open({ of: own })
    const error: unknown = await isolation.ready().catch((reason: unknown) => reason)
    if (!isTenancyError(error) || error.code !== 'UNSAFE_CONFIGURATION') throw error
    expect(error.details.findings.map(({ id }) => id)).toEqual(['R1', 'R6'])
    for (const use of [() => rows.query('delete from notes'), () => rows.connect()]) {
      expect(await tenancy.run(b, () => refusal(use))).toBe('UNSAFE_CONFIGURATION')
    }
    expectCount(await execute(own.adminUrl, 'select count(*) from notes'), 1)
    for (const { fix } of error.details.findings) await execute(own.adminUrl, fix)
    // Asked again: no restart is needed.
    expect(await bodies(b, rows, 'select body from notes')).toEqual(['of b'])
  })

  it('many first statements at once wait for one look at the catalogue', async () => {
    const { rows, acquired } = open()
    await tenancy.run(a, () => Promise.all(Array.from({ length: 20 }, () => rows.query('select 1'))))
    expect(acquired()).toBe(21)
  })

  it("onUnsafe 'report' logs every finding and serves", async () => {
    const own = await ownDatabase('alter table notes no force row level security')
    const { isolation, rows, logger } = open({ of: own, onUnsafe: 'report' })
    await isolation.ready()
    expect(logger.records).toMatchObject([
      {
        level: 'warn',
        details: { event: 'pg-rls.finding', severity: 'error', id: 'R1', object: 'table public.notes' },
      },
    ])
    expect(await bodies(a, rows, 'select body from notes')).toEqual([])
  })

  it('a warning is logged and refuses nothing', async () => {
    const own = await ownDatabase('create unique index on notes (body)')
    const { isolation, logger } = open({ of: own })
    await isolation.ready()
    expect(logger.records).toMatchObject([{ level: 'warn', details: { id: 'R20', severity: 'warning' } }])
  })

  it('close: handles refuse, the pool works on and keeps no listener of ours; twice is once', async () => {
    const { pool, isolation, rows } = open()
    await tenancy.run(a, () => rows.query('select 1'))
    const ours = () => pool.listeners('error').filter(({ name }) => name === 'onIdleError').length
    expect(ours()).toBe(1)
    await isolation.close()
    await isolation.close()
    expect(ours()).toBe(0)
    expect(await tenancy.run(a, () => refusal(() => rows.query('select 1')))).toBe('SCOPE_CLOSED')
    expect(await tenancy.run(a, () => refusal(() => rows.connect()))).toBe('SCOPE_CLOSED')
    expect(await isolation.health(a)).toMatchObject({ ok: false, reason: 'SCOPE_CLOSED' })
    expect(await refusal(() => isolation.deprovision(a))).toBe('SCOPE_CLOSED')
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expectCount(await execute(database.adminUrl, `select count(*) from agents where tenant_id = 'a'`), 2)
  })

  it('health, ready and the pool with a server that goes down and comes back', async () => {
    const lost = await server.ownServer()
    const own = await lost.freshDatabase()
    await execute(
      own.ownerUrl,
      'create table notes (body text)',
      ...protectTable('notes', { runtimeRole: own.runtimeRole }),
    )
    const { isolation, rows } = open({ of: own })
    expect(await isolation.health(a)).toMatchObject({ ok: true })
    await lost.down()
    expect(await isolation.health(a)).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^(DATABASE_UNAVAILABLE|CONNECTION_LOST)$/),
    })
    const late = open({ of: own })
    expect(await refusal(() => late.isolation.ready())).toBe('DATABASE_UNAVAILABLE')
    expect(await tenancy.run(a, () => refusal(() => late.rows.query('select 1')))).toBe('DATABASE_UNAVAILABLE')
    await lost.up()
    expect(await isolation.health(a)).toMatchObject({ ok: true })
    expect(await bodies(a, rows, 'select body from notes')).toEqual([])
    expect(await bodies(a, late.rows, 'select body from notes')).toEqual([])
  })

  it.each([
    ['a policy', [`create policy keep on notes as restrictive for delete using (false)`]],
    [
      'a trigger',
      [
        `create function keep() returns trigger language plpgsql as 'begin return null; end'`,
        'create trigger keep before delete on notes for each row execute function keep()',
      ],
    ],
  ])('erases nothing and says so when %s keeps rows', async (_, more) => {
    const own = await ownDatabase(...more)
    const { isolation, rows } = open({ of: own })
    await tenancy.run(a, () => rows.query(`insert into notes values ('of a')`))
    expect(await refusal(() => isolation.deprovision(a))).toBe('ERASURE_INCOMPLETE')
    expect(await bodies(a, rows, 'select body from notes')).toEqual(['of a'])
  })

  it.each(['cascade', 'set null'])(
    'R19 does not erase where a foreign key without the tenant would %s',
    async action => {
      const own = await ownDatabase(
        'alter table notes add column id int unique',
        'create table replies (note int, body text)',
        `alter table replies add foreign key (note) references notes (id) on delete ${action}`,
      )
      await execute(own.ownerUrl, ...protectTable('replies', { runtimeRole: own.runtimeRole }))
      const { isolation } = open({ of: own, onUnsafe: 'report' })
      expect(await refusal(() => isolation.deprovision(a))).toBe('ERASURE_INCOMPLETE')
      expect((await isolation.verify()).filter(({ id }) => id === 'R19')).toMatchObject([{ severity: 'error' }])
    },
  )

  it('two isolations on one pool do not mix, also with settings of their own', async () => {
    const own = await ownDatabase()
    await execute(
      own.ownerUrl,
      'create schema other',
      `grant usage on schema other to ${own.runtimeRole}`,
      'create table other.things (body text)',
      ...protectTable('things', { schema: 'other', setting: 'app.org', column: 'org', runtimeRole: own.runtimeRole }),
    )
    const { pool, isolation, rows } = open({ of: own, max: 1, schemas: ['public'] })
    const second = pgRls({ pool, schemas: ['other'], setting: 'app.org', column: 'org', logger: recorder() })
    const things = second.handle(() => b)
    await tenancy.run(a, () => rows.query(`insert into notes values ('n of a')`))
    await things.query(`insert into other.things values ('t of b')`)
    expect(await bodies(a, rows, 'select body from notes')).toEqual(['n of a'])
    expect(await bodies(a, rows, 'select body from other.things')).toEqual([])
    expect((await things.query('select body from other.things')).rows).toEqual([{ body: 't of b' }])
    expect((await things.query('select body from notes')).rows).toEqual([])
    await isolation.close()
    expect((await things.query('select body from other.things')).rows).toEqual([{ body: 't of b' }])
    expect(pool.listeners('error').filter(({ name }) => name === 'onIdleError')).toHaveLength(1)
    await second.close()
  })

  it('namedStatements: false leaves nothing prepared on the connection', async () => {
    const { pool, rows } = open({ namedStatements: false, max: 1 })
    for (const tenant of [a, b, a]) {
      const text = 'select body from agents order by 1 limit 1'
      expect((await tenancy.run(tenant, () => rows.query({ name: 'first', text }))).rows).toEqual([
        { body: `${tenant.id}1` },
      ])
    }
    expect((await pool.query('select name from pg_prepared_statements')).rows).toEqual([])
  })

  it('provision makes nothing, twice', async () => {
    const { isolation, acquired } = open()
    await isolation.provision(c)
    await isolation.provision(c)
    expect(acquired()).toBe(0)
  })

  describe('deprovision', () => {
    const family = (role: string) => [
      'create table parents (id int)',
      ...protectTable('parents', { runtimeRole: role, index: false }),
      'alter table parents add primary key (tenant_id, id)',
      'create table "Children" (parent int, self int)',
      ...protectTable('Children', { runtimeRole: role }),
      'alter table "Children" add foreign key (tenant_id, parent) references parents (tenant_id, id)',
      'create table days (day int) partition by range (day)',
      ...protectTable('days', { runtimeRole: role }),
      'create table days_1 partition of days for values from (1) to (2)',
      ...protectTable('days_1', { addColumn: false, index: false }),
      `grant select on days_1 to ${role}`,
    ]
    const fill = `insert into parents (id, tenant_id) values (1, 'a'), (2, 'a'), (1, 'b');
      insert into "Children" (parent, tenant_id) values (1, 'a'), (1, 'b'); insert into days (day, tenant_id) values (1, 'a'), (1, 'b')`

    it('children first, with counts, only own rows, idempotent', async () => {
      const own = await ownDatabase()
      await execute(own.ownerUrl, ...family(own.runtimeRole))
      await execute(own.adminUrl, fill)
      const { isolation } = open({ of: own })
      const counts = async () => {
        const { tenant, erased } = await isolation.deprovision(a)
        expect(tenant).toBe('a')
        return Object.fromEntries(erased.map(({ kind, name, count }) => [`${kind} ${name}`, count]))
      }
      const names = ['rows public.Children', 'rows public.days', 'rows public.notes', 'rows public.parents']
      expect(await counts()).toEqual({
        [names[0] as string]: 1,
        [names[1] as string]: 1,
        [names[2] as string]: 0,
        [names[3] as string]: 2,
      })
      expect(await counts()).toEqual(Object.fromEntries(names.map(name => [name, 0])))
      for (const table of ['parents', '"Children"', 'days']) {
        expect((await execute(own.adminUrl, `select distinct tenant_id from ${table}`)).rows).toEqual([
          { tenant_id: 'b' },
        ])
      }
    })

    it.each([
      ['DELETE is not granted', (role: string) => `revoke delete on parents from ${role}`],
      ['nothing is granted', (role: string) => `revoke all on parents from ${role}`],
    ])('ERASURE_INCOMPLETE, and nothing deleted, where %s', async (_, revoke) => {
      const own = await ownDatabase()
      await execute(own.ownerUrl, ...family(own.runtimeRole), revoke(own.runtimeRole))
      await execute(own.adminUrl, fill)
      const { isolation } = open({ of: own })
      await expect(isolation.deprovision(a)).rejects.toMatchObject({
        code: 'ERASURE_INCOMPLETE',
        details: { tenant: 'a', objects: ['public.parents'] },
      })
      expectCount(await execute(own.adminUrl, `select count(*) from "Children" where tenant_id = 'a'`), 1)
    })

    it('a circle of foreign keys is an error, and nothing is deleted', async () => {
      const own = await ownDatabase()
      await execute(
        own.ownerUrl,
        ...['x', 'y'].flatMap(name => [
          `create table ${name} (id int, other int)`,
          ...protectTable(name, { runtimeRole: own.runtimeRole, index: false }),
          `alter table ${name} add primary key (tenant_id, id)`,
        ]),
      )
      await execute(
        own.adminUrl,
        `insert into x (id, tenant_id) values (1, 'a')`,
        `insert into y (id, other, tenant_id) values (1, 1, 'a')`,
        'update x set other = 1',
        'alter table x add foreign key (tenant_id, other) references y (tenant_id, id)',
        'alter table y add foreign key (tenant_id, other) references x (tenant_id, id)',
        `insert into notes (body, tenant_id) values ('n', 'a')`,
      )
      const { isolation, pool } = open({ of: own })
      expect(await sqlState(isolation.deprovision(a))).toBe('23503')
      for (const table of ['x', 'y', 'notes'])
        expectCount(await execute(own.adminUrl, `select count(*) from ${table}`), 1)
      expect(pool.idleCount).toBe(pool.totalCount)
    })

    it("with onUnsafe 'report' and row security off it still deletes only own rows", async () => {
      const own = await ownDatabase('alter table notes disable row level security')
      await execute(own.adminUrl, `insert into notes (body, tenant_id) values ('x', 'a'), ('y', 'b')`)
      const { isolation } = open({ of: own, onUnsafe: 'report' })
      expect(await isolation.deprovision(a)).toEqual({
        tenant: 'a',
        erased: [{ kind: 'rows', name: 'public.notes', count: 1 }],
      })
      expect((await execute(own.adminUrl, 'select tenant_id from notes')).rows).toEqual([{ tenant_id: 'b' }])
    })
  })
})
