import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { isTenancyError, type Tenant } from '@tenantry/core'
import { startDyingWay, startFaultProxy } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type PgSchemaOptions, pgSchema, rebuildTemplate } from '../src/index.ts'
import { namingOf } from '../src/storage-key.ts'
import { type SchemaDatabase, schemaDatabase, tenantOf } from './support.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

async function failureOf(
  work: Promise<unknown>,
): Promise<{ code?: string; details?: never; message: string; cause?: unknown }> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(outcome instanceof Error)) throw new Error('It did not fail.')
  return outcome
}

const template = [
  'create schema template',
  'create table template.ledger (id int generated always as identity primary key, name text)',
  `insert into template.ledger (name) values ('first'), ('second')`,
  'create table template.customers (id int generated always as identity primary key, name text unique)',
  'create table template.notes (id int primary key, customer int references template.customers, text text not null)',
  'create view template.named as select n.id, c.name from template.notes n join template.customers c on c.id = n.customer',
]

describePostgres('provisioning', server => {
  let database: SchemaDatabase
  beforeAll(async () => {
    database = await schemaDatabase(server, template)
  })
  afterAll(() => database?.close())

  const byTemplate = { by: 'template', versionTables: ['ledger'] } as const

  function open(options: Partial<PgSchemaOptions> = {}) {
    const { runtime: pool, provisioner, rolePrefix } = database
    return pgSchema({ ...{ pool, provisioner, rolePrefix, logger: silent }, structure: byTemplate, ...options })
  }
  const namesOf = (tenant: Tenant) => namingOf({ rolePrefix: database.rolePrefix })(tenant)

  async function there(tenant: Tenant): Promise<readonly string[]> {
    const { schema, role } = namesOf(tenant)
    const { rows } = await database.admin.query<{ line: string }>(
      `select 'role' as line from pg_roles where rolname = $2 union all select 'schema' from pg_namespace where nspname = $1
       union all select relname::text from pg_class where relnamespace = to_regnamespace($1) and relkind in ('r', 'v') order by 1`,
      [schema, role],
    )
    return rows.map(({ line }) => line)
  }
  const whole = ['customers', 'ledger', 'named', 'notes', 'role', 'schema']

  it('T15 T16 T17 makes what the template has, with the rows of its ledger and no others', async () => {
    await database.provisioner.query(`insert into template.customers (name) values ('somebody')`)
    const tenant = tenantOf()
    const isolation = open()
    await isolation.provision(tenant)
    expect(await there(tenant)).toEqual(whole)
    const { query } = isolation.handle(() => tenant)
    expect((await query('select name from ledger order by id')).rows).toEqual([{ name: 'first' }, { name: 'second' }])
    expect((await query('select * from customers')).rows).toEqual([])
    await query(`insert into customers (name) values ('own')`)
    await query(`insert into notes values (1, 1, 'hello')`)
    expect((await query('select * from named')).rows).toEqual([{ id: 1, name: 'own' }])
    await database.provisioner.query('delete from template.customers')
  })

  it('T27 T28 T29 takes the storage key of the placement, or refuses it before anything is sent', async () => {
    const tenant = tenantOf({ placement: { schema: 't_example' } })
    await open().provision(tenant)
    expect((await database.admin.query(`select to_regclass('t_example.notes') as it`)).rows[0].it).toBe(
      't_example.notes',
    )
    for (const schema of ['example', 't_Example', `t_${'x'.repeat(62)}`])
      expect((await failureOf(open().provision(tenantOf({ placement: { schema } })))).code).toBe('IDENTIFIER_INVALID')
    await open().deprovision(tenant)
  })

  it('T29 two keys of 63 bytes that differ in the last one are two schemas', async () => {
    const keys = ['a', 'b'].map(end => `t_${'x'.repeat(60)}${end}`)
    for (const schema of keys) await open().provision(tenantOf({ placement: { schema } }))
    const { rows } = await database.admin.query(
      'select count(*)::int as found from pg_namespace where nspname = any($1)',
      [keys],
    )
    expect(rows).toEqual([{ found: 2 }])
  })

  it('two creations of one tenant at the same time make one, and the twenty of a crowd too', async () => {
    const tenant = tenantOf()
    const isolation = open()
    await Promise.all(Array.from({ length: 20 }, () => isolation.provision(tenant)))
    expect(await there(tenant)).toEqual(whole)
  })

  it('a schema or a role that somebody else has made is named, and stays as it is', async () => {
    for (const kind of ['schema', 'role'] as const) {
      const tenant = tenantOf()
      const name = namesOf(tenant)[kind]
      await database.admin.query(`create ${kind} ${name}`)
      const before = await there(tenant)
      for (const work of [() => open().provision(tenant), () => open().deprovision(tenant)])
        expect(await failureOf(work())).toMatchObject({ code: 'OBJECT_FOREIGN', details: { kind, name } })
      expect(await there(tenant)).toEqual(before)
    }
  })

  it('a role of the same name for another database is not shared', async () => {
    const other = await schemaDatabase(server, template)
    const tenant = tenantOf()
    try {
      await pgSchema({
        pool: other.runtime,
        provisioner: other.provisioner,
        rolePrefix: database.rolePrefix,
        logger: silent,
        structure: byTemplate,
      }).provision(tenant)
      expect(await failureOf(open().provision(tenant))).toMatchObject({
        code: 'OBJECT_FOREIGN',
        details: { kind: 'role' },
      })
    } finally {
      await other.close()
    }
  })

  it('a template that is missing, or cannot be cloned, is named with its object, and nothing is made', async () => {
    const tenant = tenantOf()
    const missing = open({ structure: { by: 'template', schema: 'nowhere' } })
    expect(await failureOf(missing.provision(tenant))).toMatchObject({
      code: 'TEMPLATE_MISSING',
      details: { template: 'nowhere' },
    })
    await database.provisioner.query(
      `create schema odd; create aggregate odd.total (int) (sfunc = int4pl, stype = int)`,
    )
    const odd = await failureOf(open({ structure: { by: 'template', schema: 'odd' } }).provision(tenant))
    expect(odd.code).toBe('TEMPLATE_INVALID')
    expect(odd.message).toContain('total')
    expect(await there(tenant)).toEqual([])
  })

  it('a statement that fails leaves nothing, and its step and code are told', async () => {
    const tenant = tenantOf()
    for (const structure of [
      { by: 'sql', statements: ['create table one (id int)', 'create table one (id int)'] },
      {
        by: 'migrate',
        migrate: async query => void (await query('create table one (id int); create table one (id int)')),
      },
    ] satisfies PgSchemaOptions['structure'][]) {
      const error = await failureOf(open({ structure }).provision(tenant))
      expect(error).toMatchObject({ code: 'PROVISIONING_FAILED', details: { tenant: tenant.id } })
      expect(error.message).toMatch(/filling the schema .*42P07/)
      expect(await there(tenant)).toEqual([])
    }
  })

  it('migrations that end the transaction are found out', async () => {
    const structure = {
      by: 'migrate',
      migrate: async query => void (await query('commit')),
    } satisfies PgSchemaOptions['structure']
    const error = await failureOf(open({ structure }).provision(tenantOf()))
    expect(error.code).toBe('PROVISIONING_FAILED')
    expect(error.message).toContain('ended the transaction')
  })

  it('migrations and statements run in the tenant’s schema, as the owner, and the tenant may use what they make', async () => {
    for (const structure of [
      { by: 'sql', statements: ['create table things (id int)', `insert into things values (1)`] },
      {
        by: 'migrate',
        migrate: async (query, { schema }) => void (await query(`create table ${schema}.things as select 1 as id`)),
      },
    ] satisfies PgSchemaOptions['structure'][]) {
      const tenant = tenantOf()
      const isolation = open({ structure })
      await isolation.provision(tenant)
      const { query } = isolation.handle(() => tenant)
      expect((await query('select id from things')).rows).toEqual([{ id: 1 }])
      expect((await failureOf(query('drop table things'))).code).toBe('42501')
      // What a later migration of the same owner adds can be used at once.
      await database.provisioner.query(`create table ${namesOf(tenant).schema}.later (id int)`)
      expect((await query('select id from later')).rows).toEqual([])
    }
  })

  it('without a provisioner nothing is made or dropped, and it says what is missing', async () => {
    const isolation = pgSchema({ pool: database.runtime, logger: silent })
    for (const work of [() => isolation.provision(tenantOf()), () => isolation.deprovision(tenantOf())])
      expect(await failureOf(work())).toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it('what is missing of a tenant is made again, and the rest left alone', async () => {
    const tenant = tenantOf()
    const isolation = open()
    await isolation.provision(tenant)
    const { query } = isolation.handle(() => tenant)
    await query(`insert into customers (name) values ('kept')`)
    const { role } = namesOf(tenant)
    await database.admin.query(`drop owned by ${role}; drop role ${role}`)
    await isolation.provision(tenant)
    expect((await query('select name from customers')).rows).toEqual([{ name: 'kept' }])
  })

  it('deprovisioning says what went, with the rows of each table, and is done once', async () => {
    const tenant = tenantOf()
    const isolation = open()
    await isolation.provision(tenant)
    await isolation.handle(() => tenant).query(`insert into customers (name) values ('one'), ('two')`)
    const { schema, role } = namesOf(tenant)
    const { erased } = await isolation.deprovision(tenant)
    expect(erased).toEqual([
      { kind: 'table', name: `${schema}.customers`, count: 2 },
      { kind: 'table', name: `${schema}.ledger`, count: 2 },
      { kind: 'table', name: `${schema}.notes`, count: 0 },
      { kind: 'schema', name: schema, count: 1 },
      { kind: 'role', name: role, count: 1 },
    ])
    expect(await there(tenant)).toEqual([])
    expect(await isolation.deprovision(tenant)).toEqual({ tenant: tenant.id, erased: [] })
  })

  it('what stands outside and depends on the tenant is not dropped along: nothing is, and it is named', async () => {
    const tenant = tenantOf()
    const isolation = open()
    await isolation.provision(tenant)
    const { schema } = namesOf(tenant)
    await database.admin.query(`create view public.report as select name from ${schema}.customers`)
    const error = await failureOf(isolation.deprovision(tenant))
    expect(error.code).toBe('ERASURE_INCOMPLETE')
    expect(error.message).toContain('report')
    expect(await there(tenant)).toEqual(whole)
    await database.admin.query('drop view public.report')
    await isolation.deprovision(tenant)
  })

  it('T31 the default tenant is not deprovisioned', async () => {
    const error = await failureOf(open().deprovision(tenantOf({ isDefault: true })))
    expect(error.code).toBe('TENANT_PROTECTED')
  })

  it('a connection that is cut behind any message leaves a state from which the same call finishes', {
    timeout: 120_000,
  }, async () => {
    let cuts = 0
    const messages = [
      { on: 'frontend', message: 'any' },
      { on: 'backend', message: 'ReadyForQuery' },
    ] as const
    for (const which of messages)
      for (let nth = 1; ; nth++) {
        const proxy = await startFaultProxy({ target: database.provisionerUrl })
        const cut = new pg.Pool({ connectionString: proxy.url(database.provisionerUrl), max: 1 })
        cut.on('error', () => undefined)
        const tenant = tenantOf()
        const rule = proxy.rule({ ...which, nth, fault: 'reset' })
        const outcome = await open({ provisioner: cut })
          .provision(tenant)
          .catch((error: unknown) => error)
        await cut.end()
        await proxy.close()
        if (rule.struck === 0) break
        cuts += 1
        if (outcome !== undefined) expect(isTenancyError(outcome), String(outcome)).toBe(true)
        // All or nothing, whichever side of COMMIT it was.
        expect([[], whole]).toContainEqual(await there(tenant))
        await open().provision(tenant)
        expect(await there(tenant)).toEqual(whole)
        await open().deprovision(tenant)
      }
    expect(cuts).toBeGreaterThan(10)
  })

  it('a connection that is lost in the packet that says it is ready fails what waits for it, and not the process', async () => {
    const { url, close } = await startDyingWay(database.provisionerUrl)
    const dying = new pg.Pool({ connectionString: url, max: 1 })
    // An error that nobody catches fails the run of the tests.
    const error = await failureOf(open({ provisioner: dying }).provision(tenantOf()))
    expect(error.code).toBe('PROVISIONING_FAILED')
    await dying.end()
    close()
  })

  it('a process that is killed leaves nothing half made', { timeout: 120_000 }, async () => {
    const { runtimeUrl, provisionerUrl, rolePrefix } = database
    for (const delay of [0, 20, 40, 80, 160]) {
      const tenant = tenantOf()
      const child = fork(fileURLToPath(new URL('./provision-child.ts', import.meta.url)), [], {
        execArgv: ['--import', 'tsx', '-C', 'tenantry-source'],
      })
      child.send({ tenant, runtimeUrl, provisionerUrl, rolePrefix })
      const [said] = await once(child, 'message')
      expect(said).toBe('begun')
      await new Promise(resolve => setTimeout(resolve, delay))
      child.kill('SIGKILL')
      await once(child, 'exit')
      // The server notices and rolls back; the lock tells when.
      await open().provision(tenant)
      expect(await there(tenant)).toEqual(whole)
      await open().deprovision(tenant)
    }
  })

  it('the template is made anew from the migrations in one call, or stays as it was', async () => {
    const { provisioner } = database
    const schema = 'rebuilt'
    const structure = { by: 'template', schema } as const
    await rebuildTemplate({ provisioner, schema, migrate: query => query('create table one (id int)') })
    const [first, second] = [tenantOf(), tenantOf()]
    await open({ structure }).provision(first)
    expect(await there(first)).toEqual(['one', 'role', 'schema'])
    const broken = rebuildTemplate({
      provisioner,
      schema,
      migrate: query => query('create table two (id int); select 1 / 0'),
    })
    expect((await failureOf(broken)).code).toBe('TEMPLATE_INVALID')
    const migrate: Parameters<typeof rebuildTemplate>[0]['migrate'] = query =>
      query('create table one (id int); create table two (id int)')
    await rebuildTemplate({ provisioner, schema, migrate })
    // By the same isolation: it sees that the template is another one.
    await open({ structure }).provision(second)
    expect(await there(second)).toEqual(['one', 'role', 'schema', 'two'])
    expect((await failureOf(rebuildTemplate({ provisioner, schema: 'template', migrate }))).code).toBe('OBJECT_FOREIGN')
    const findings = await open({ structure }).verify()
    const behind = findings.filter(({ id }) => id === 'S15').map(({ object }) => object)
    expect(behind).toContain(`schema ${namesOf(first).schema}`)
    expect(behind).not.toContain(`schema ${namesOf(second).schema}`)
  })

  it('a clone and a new template wait for each other, so that no tenant is half of the one and half of the other', async () => {
    const { provisioner, admin, name } = database
    const schema = 'turns'
    const isolation = open({ structure: { by: 'template', schema, versionTables: ['ledger'] } })
    const old = `create table ledger (version int); insert into ledger values (1)`
    await rebuildTemplate({ provisioner, schema, migrate: query => query(old) })
    const [before, during, after] = [tenantOf(), tenantOf(), tenantOf()]
    await isolation.provision(before)

    const someoneWaits = () =>
      vi.waitFor(async () => {
        const { rows } = await admin.query(
          `select from pg_locks l join pg_database d on d.oid = l.database
            where not l.granted and l.locktype = 'advisory' and d.datname = $1`,
          [name],
        )
        expect(rows).toHaveLength(1)
      }, 10_000)
    let provisioning: Promise<void> | undefined
    const anew = `create table ledger (version int, at date); insert into ledger values (2); create table notes (id int)`
    await rebuildTemplate({
      provisioner,
      schema,
      async migrate(query) {
        provisioning = isolation.provision(during)
        await someoneWaits()
        await query(anew)
      },
    })
    await provisioning
    expect(await there(during)).toEqual(['ledger', 'notes', 'role', 'schema'])

    // The other way round: the clone stands still at the rows of the ledger, which somebody has locked.
    const holder = await admin.connect()
    await holder.query('begin; lock table turns.ledger')
    provisioning = isolation.provision(after)
    await vi.waitFor(async () => {
      const { rows } = await admin.query(
        `select from pg_locks where not granted and relation = 'turns.ledger'::regclass`,
      )
      expect(rows).toHaveLength(1)
    }, 10_000)
    const rebuilding = rebuildTemplate({ provisioner, schema, migrate: query => query(old) })
    await someoneWaits()
    await holder.query('rollback')
    holder.release()
    await Promise.all([provisioning, rebuilding])
    const versions = await admin.query(`select version from ${namesOf(after).schema}.ledger`)
    expect([await there(after), versions.rows]).toEqual([['ledger', 'notes', 'role', 'schema'], [{ version: 2 }]])
  })
})
