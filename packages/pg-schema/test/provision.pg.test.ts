import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { isTenancyError, type Tenant } from '@tenantry/core'
import { startDyingWay, startFaultProxy } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type PgSchemaOptions, pgSchema } from '../src/index.ts'
import { storageNames } from '../src/storage-key.ts'
import { failureOf, type SchemaDatabase, schemaDatabase, silent, tenantOf, thereOf } from './support.ts'

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
  const namesOf = (tenant: Tenant) => storageNames({ rolePrefix: database.rolePrefix })(tenant)

  const there = (tenant: Tenant) => thereOf(database, tenant)
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

  it.each(['commit', 'commit; begin'])(
    'migrations that end the transaction (%s) are found out, and what they have left is made anew',
    async end => {
      const tenant = tenantOf()
      const structure = {
        by: 'migrate',
        migrate: async query => void (await query(`create table half (id int); ${end}`)),
      } satisfies PgSchemaOptions['structure']
      const error = await failureOf(open({ structure }).provision(tenant))
      expect(error.code).toBe('PROVISIONING_FAILED')
      expect(error.message).toContain('has ended it')
      expect(await there(tenant)).toEqual(['half', 'role', 'schema'])
      // Nobody uses it as it is.
      expect(
        (
          await failureOf(
            open()
              .handle(() => tenant)
              .query('select * from half'),
          )
        ).code,
      ).toBe('TENANT_STORE_MISSING')
      await open().provision(tenant)
      expect(await there(tenant)).toEqual(whole)
      await failureOf(open({ structure }).provision(tenantOf({ id: 'left-half-made' })))
      const { erased } = await open().deprovision(tenantOf({ id: 'left-half-made' }))
      expect(erased.map(({ kind }) => kind)).toEqual(['table', 'schema', 'role'])
    },
  )

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

  it('a role that is there, but not for this login, is granted to it', async () => {
    const tenant = tenantOf()
    await open().provision(tenant)
    const { role } = storageNames({ rolePrefix: database.rolePrefix })(tenant)
    await database.provisioner.query(`revoke ${role} from ${database.runtimeRole}`)
    const { query } = open().handle(() => tenant)
    expect((await failureOf(query('select 1'))).code).toBe('TENANT_STORE_MISSING')
    await open().provision(tenant)
    expect((await query('select id from customers')).rows).toEqual([])
  })

  it('the privileges of a template’s role are given, and not guessed again when the role was lost', async () => {
    const { admin, provisioner, name, rolePrefix } = database
    const role = `${name}_reader`
    await admin.query(`create role ${role} nologin`)
    await provisioner.query(`create schema limited; create table limited.notes (id int); grant usage on schema limited to ${role};
      grant select on limited.notes to ${role}`)
    const structure = { by: 'template', schema: 'limited', role } as const
    const tenant = tenantOf()
    const isolation = open({ structure })
    await isolation.provision(tenant)
    const { query } = isolation.handle(() => tenant)
    expect((await query('select id from notes')).rows).toEqual([])
    expect((await failureOf(query('insert into notes values (1)'))).code).toBe('42501')
    const own = storageNames({ rolePrefix })(tenant).role
    await admin.query(`drop owned by ${own}; drop role ${own}`)
    const error = await failureOf(isolation.provision(tenant))
    expect([error.code, error.message]).toEqual(['PROVISIONING_FAILED', expect.stringContaining(role)])
    expect(await there(tenant)).toEqual(['notes', 'schema'])
    await isolation.deprovision(tenant)
    await provisioner.query('drop schema limited cascade')
    await admin.query(`drop role ${role}`)
  })

  it('an idle connection of the provisioner that is lost is logged, and does not end the process', async () => {
    const lost: unknown[] = []
    const provisioner = new pg.Pool({ connectionString: database.provisionerUrl, max: 1 })
    const isolation = open({ provisioner, logger: { ...silent, warn: details => void lost.push(details) } })
    await isolation.provision(tenantOf())
    const { rows } = await provisioner.query<{ pid: number }>('select pg_backend_pid() as pid')
    await database.admin.query('select pg_terminate_backend($1, 5000)', [rows[0]?.pid])
    await vi.waitFor(() => expect(lost).toMatchObject([{ event: 'pg-schema.connection' }]))
    await isolation.close()
    expect(provisioner.listenerCount('error')).toBe(0)
    await provisioner.end()
  })

  it('extensions stand behind the tenant’s own schema: a template may use them, and nobody else’s', async () => {
    const { admin, provisioner } = database
    await admin.query(
      'create schema extra; create extension citext schema extra; grant usage on schema extra to public',
    )
    await admin.query(`create function extra.shout(text) returns text language sql immutable as 'select upper($1)'`)
    await provisioner.query(
      `create schema extended; set search_path = extended, extra; create table words (word citext, loud text default extra.shout('x')); reset search_path`,
    )
    const structure = { by: 'template', schema: 'extended' } as const
    const refused = await failureOf(open({ structure }).provision(tenantOf()))
    expect([refused.code, refused.message]).toEqual(['TEMPLATE_INVALID', expect.stringContaining('extra.shout')])
    const tenant = tenantOf()
    const isolation = open({ structure, extensions: ['extra'] })
    await isolation.provision(tenant)
    const { query } = isolation.handle(() => tenant)
    await query(`insert into words (word) values ('Word')`)
    expect((await query(`select loud from words where word = 'wORD'::citext`)).rows).toEqual([{ loud: 'X' }])
    await isolation.deprovision(tenant)
    await provisioner.query('drop schema extended cascade')
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
    expect(error.code).toBe('CONNECTION_LOST')
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

  it('versions and tables are of one moment, also when a migration by hand ends in between', async () => {
    const { admin, provisioner } = database
    await provisioner.query(
      'create schema moving; create table moving.ledger (id int); create table moving.notes (id int)',
    )
    const isolation = open({ structure: { by: 'template', schema: 'moving', versionTables: ['ledger'] } })
    // The plan is known, so that only the fingerprint is asked for.
    await isolation.provision(tenantOf())
    const migration = await admin.connect()
    await migration.query(
      'begin; lock table moving.ledger; alter table moving.notes add late int; insert into moving.ledger values (2)',
    )
    const tenant = tenantOf()
    const provisioning = isolation.provision(tenant)
    await vi.waitFor(async () => {
      const { rows } = await admin.query(
        `select from pg_locks where not granted and relation = 'moving.ledger'::regclass`,
      )
      expect(rows).toHaveLength(1)
    }, 10_000)
    await migration.query('commit')
    migration.release()
    await provisioning
    const { query } = isolation.handle(() => tenant)
    expect((await query('select id from ledger')).rows).toEqual([{ id: 2 }])
    expect((await query('select late from notes')).rows).toEqual([])
    await provisioner.query('drop schema moving cascade')
  })

  it('S1 the mark of a schema that somebody else owns is not believed', async () => {
    const tenant = tenantOf()
    const names = storageNames({ rolePrefix: database.rolePrefix })(tenant)
    const { admin, provisionerRole } = database
    await open().provision(tenant)
    const { rows } = await admin.query(
      `select obj_description('${names.schema}'::regnamespace, 'pg_namespace') as mark`,
    )
    await open().deprovision(tenant)
    await admin.query(`create schema ${names.schema}; comment on schema ${names.schema} is '${rows[0].mark}';
      grant all on schema ${names.schema} to ${provisionerRole} with grant option`)
    for (const work of [() => open().provision(tenant), () => open().deprovision(tenant)])
      expect(await failureOf(work())).toMatchObject({ code: 'OBJECT_FOREIGN', details: { owner: 'somebody else' } })
    await admin.query(`drop schema ${names.schema}`)
  })

  it('nothing that migrations leave in their session reaches those of the next tenant', async () => {
    const structure = {
      by: 'migrate',
      migrate: async query => {
        await query('create temp table if not exists seed (text text)')
        await query(`insert into seed values ('row'); set statement_timeout = '1h'`)
        await query(`create table seeded as select text, current_setting('statement_timeout') as set from seed`)
      },
    } satisfies PgSchemaOptions['structure']
    await database.admin.query(`grant temporary on database ${database.name} to ${database.provisionerRole}`)
    const own = new pg.Pool({ connectionString: database.provisionerUrl, max: 1 })
    const isolation = open({ structure, provisioner: own })
    for (const tenant of [tenantOf(), tenantOf()]) {
      await isolation.provision(tenant)
      const { rows } = await isolation.handle(() => tenant).query('select * from seeded')
      expect(rows).toEqual([{ text: 'row', set: '1h' }])
    }
    expect((await own.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '0' }])
    await isolation.close()
    await own.end()
  })
})
