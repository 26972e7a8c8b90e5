import { createTenancy, isTenancyError, memoryRegistry, type Tenant, type TenantInput } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PgSchemaOptions, pgSchema, storageNames } from '../src/index.ts'
import { type SchemaDatabase, schemaDatabase, silent } from './support.ts'

/** The code of what it ends with, of Tenantry or of the server. */
async function codeOf(work: () => unknown): Promise<unknown> {
  try {
    await work()
    return 'no error'
  } catch (error) {
    return (error as { code?: unknown }).code ?? error
  }
}

describe('pgSchema refuses options', () => {
  const pool = new pg.Pool()
  it.each([{ role: 'some' }, { onUnsafe: 'warn' }, { keyPrefix: 'T' }, { rolePrefix: '-' }, { defaultSchema: 'A' }])(
    '%j',
    async options => {
      expect(await codeOf(() => pgSchema({ pool, ...(options as object) }))).toBe('ARGUMENT_INVALID')
      expect(pool.listenerCount('error')).toBe(0)
    },
  )
  it.each([['a,public'], ['public'], ['pg_catalog'], ['t_acme'], ['home'], ['template'], ['"Extra"']])(
    'as a schema of extensions: %s',
    async name => {
      expect(await codeOf(() => pgSchema({ pool, extensions: [name], defaultSchema: 'home' }))).toBe('ARGUMENT_INVALID')
      expect(pool.listenerCount('error')).toBe(0)
    },
  )
})

describePostgres(
  'pgSchema',
  server => {
    let database: SchemaDatabase
    const registry = memoryRegistry()
    const tenancy = createTenancy({ registry, logger: silent })
    let count = 0

    function tenant(input: Partial<TenantInput> = {}): Tenant {
      count += 1
      return registry.add({ slug: `tenant-${count}`, name: `Tenant ${count}`, ...input })
    }

    beforeAll(async () => {
      database = await schemaDatabase(server, [
        'create schema template',
        'create table template.notes (id int primary key, text text not null)',
        // What an unqualified name would fall through to.
        'create schema decoy',
        'create table decoy.notes (id int primary key, text text not null)',
        'grant usage on schema decoy to public',
        'grant all on decoy.notes to public',
        'create schema home',
        'create table home.notes (id int primary key, text text not null)',
      ])
      await database.admin.query(`create table public.notes (id int, text text); insert into public.notes values (0, 'PUBLIC-SHARED');
        grant usage on schema public to public; grant select on public.notes to public`)
    })
    afterAll(() => database?.close())

    function open(options: Partial<PgSchemaOptions> = {}) {
      const { runtime: pool, provisioner, rolePrefix } = database
      const { bouncer, namedStatements } = server
      return pgSchema({
        ...{ pool, provisioner, rolePrefix, namedStatements, pooler: bouncer !== undefined, logger: silent },
        ...options,
      })
    }

    async function two() {
      const isolation = open()
      const [a, b] = [tenant(), tenant()]
      for (const one of [a, b]) await isolation.provision(one)
      const db = tenancy.handle(isolation)
      const as = <T>(one: Tenant, work: () => Promise<T>) => tenancy.run(one, work)
      await as(a, () => db.query(`insert into notes values (1, 'of a')`))
      await as(b, () => db.query(`insert into notes values (1, 'B-SECRET')`))
      const { rows } = await as(b, () => db.query('select current_schema() as schema, current_user as role'))
      return { isolation, a, b, db, as, ofB: rows[0] as { schema: string; role: string } }
    }

    it('T07 the same table in two schemas: unqualified names reach one’s own only', async () => {
      const { a, b, db, as } = await two()
      for (const [one, text] of [
        [a, 'of a'],
        [b, 'B-SECRET'],
        [a, 'of a'],
      ] as const)
        expect((await as(one, () => db.query('select text from notes'))).rows).toEqual([{ text }])
    })

    it('prepared statements mean each tenant’s own table, on one connection', async () => {
      const { a, b, db, as } = await two()
      for (let round = 0; round < 3; round++)
        for (const [one, text] of [
          [a, 'of a'],
          [b, 'B-SECRET'],
        ] as const) {
          const { rows } = await as(one, () => db.query({ name: 'all', text: 'select text from notes' }))
          expect(rows).toEqual([{ text }])
        }
    })

    it('prepared statements of one name answer with each tenant’s own columns, where one was migrated first', async () => {
      const { a, b, db, as, ofB } = await two()
      await database.provisioner.query(`alter table ${ofB.schema}.notes add column more int`)
      for (let round = 0; round < 3; round++)
        for (const [one, row] of [
          [a, { id: 1, text: 'of a' }],
          [b, { id: 1, text: 'B-SECRET', more: null }],
        ] as const)
          expect((await as(one, () => db.query({ name: 'whole', text: 'select * from notes' }))).rows).toEqual([row])
    })

    it('T40 S11 a qualified name of another tenant’s schema is refused by the server (42501), read and write, at any depth', async () => {
      const { a, db, as, ofB } = await two()
      const theirs = `${ofB.schema}.notes`
      for (const text of [
        `select * from ${theirs}`,
        `insert into ${theirs} values (2, 'of a')`,
        `update ${theirs} set text = 'of a'`,
        `delete from ${theirs}`,
        `truncate ${theirs}`,
        `with x as (select * from ${theirs}) select * from notes, x`,
        `select * from notes union all select * from ${theirs}`,
        `select (select text from ${theirs}) from notes`,
        `select query_to_xml('select * from ${theirs}', false, false, '')`,
        `do $$ begin execute 'select * from ${theirs}'; end $$`,
        `drop schema ${ofB.schema} cascade`,
        `create table ${theirs}2 (id int)`,
      ])
        expect(await as(a, () => codeOf(() => db.query(text))), text).toMatch(
          server.bouncer ? /42501|STATEMENT_REFUSED/ : /42501/,
        )
    })

    it('S11 SQL that sets another path or role in the same statement reads nothing of others: rights are checked before', async () => {
      const { a, db, as, ofB } = await two()
      for (const [set, value] of [
        ['search_path', ofB.schema],
        ['role', ofB.role],
        ['role', 'none'],
      ] as const) {
        const text = `select notes.text from (select set_config('${set}', '${value}', true)) x, ${ofB.schema}.notes`
        expect(await as(a, () => codeOf(() => db.query(text))), text).toMatch(/42501|STATEMENT_REFUSED/)
        const own = await as(a, () =>
          db
            .query(`select notes.text from (select set_config('${set}', '${value}', true) offset 0) x, notes`)
            .catch(() => ({ rows: [] })),
        )
        expect(JSON.stringify(own.rows)).not.toContain('SECRET')
      }
    })

    it('S11 what stays open, and is said in the README: injected SQL that resets the role, then reads in a nested query', async () => {
      const { a, b, db, as, ofB } = await two()
      const text = `select query_to_xml('select text from ${ofB.schema}.notes', false, false, '')::text as xml
        from (select set_config('role', '${ofB.role}', true) offset 0) x`
      if (server.bouncer !== undefined) {
        expect(await as(a, () => codeOf(() => db.query(text)))).toBe('STATEMENT_REFUSED')
        return
      }
      expect((await as(a, () => db.query(text))).rows[0]?.xml).toContain('B-SECRET')
      // And it is gone with the statement.
      expect((await as(a, () => db.query('select text from notes'))).rows).toEqual([{ text: 'of a' }])
      expect((await as(b, () => db.query('select text from notes'))).rows).toEqual([{ text: 'B-SECRET' }])
    })

    it('S11 the login itself reaches no tenant without becoming one', async () => {
      const { ofB } = await two()
      expect(await codeOf(() => database.runtime.query(`select * from ${ofB.schema}.notes`))).toBe('42501')
    })

    it('S3 a tenant without a schema gets an error before its statement runs, never the table of another schema', async () => {
      const { isolation, a, db, as } = await two()
      const nobody = tenant()
      const statements = ['select * from notes', 'select 1', `insert into decoy.notes values (1, 'ran')`]
      for (const text of statements) {
        const error = await as(nobody, () => db.query(text)).catch((thrown: unknown) => thrown)
        expect(isTenancyError(error) && error.code, text).toBe('TENANT_STORE_MISSING')
      }
      await isolation.deprovision(a)
      for (const text of statements)
        expect(await as(a, () => codeOf(() => db.query(text)))).toBe('TENANT_STORE_MISSING')
      expect((await database.admin.query('select * from decoy.notes')).rows).toEqual([])
    })

    it('S3 the schema alone is gone, in the middle of its work, or may not be used any more', async () => {
      const { a, b, db, as, ofB } = await two()
      const admin = (text: string) => database.admin.query(text)
      await admin(`revoke usage on schema ${ofB.schema} from ${ofB.role}`)
      expect(await as(b, () => codeOf(() => db.query('select * from notes')))).toBe('TENANT_STORE_MISSING')
      await admin(`grant usage on schema ${ofB.schema} to ${ofB.role}`)
      expect(await as(b, () => codeOf(() => db.query('select * from notes')))).toBe('no error')
      await as(b, async () => {
        const client = await db.connect()
        await client.query('begin')
        await admin(`alter schema ${ofB.schema} rename to t_elsewhere_${count}`)
        // The server may learn of it with the statement only, which then finds no table.
        expect(await codeOf(() => client.query('select * from notes'))).toMatch(/TENANT_STORE_MISSING|42P01/)
        await client.query('rollback')
        client.release()
      })
      expect(await as(b, () => codeOf(() => db.query('select * from notes')))).toBe('TENANT_STORE_MISSING')
      expect(await as(a, () => codeOf(() => db.query('select * from notes')))).toBe('no error')
    })

    it('a connection that knows nothing of a membership is not used again', async () => {
      const { a, db, as, isolation } = await two()
      const { role } = storageNames({ rolePrefix: database.rolePrefix })(a)
      const own = new pg.Pool({ connectionString: database.runtimeUrl, max: 1 })
      const single = tenancy.handle(open({ pool: own }))
      const pidOf = async () => (await own.query('select pg_backend_pid() as pid')).rows[0].pid
      const before = await pidOf()
      await as(a, () => single.query('select text from notes'))
      if (server.bouncer === undefined) expect(await pidOf()).toBe(before)
      await database.provisioner.query(`revoke ${role} from ${database.runtimeRole}`)
      expect(await codeOf(() => as(a, () => single.query('select text from notes')))).toBe('TENANT_STORE_MISSING')
      const closed = own.totalCount
      await isolation.provision(a)
      expect((await as(a, () => single.query('select text from notes'))).rows).toEqual([{ text: 'of a' }])
      expect(closed).toBe(0)
      expect((await as(a, () => db.query('select text from notes'))).rows).toEqual([{ text: 'of a' }])
      await own.end()
    })

    it('S3 a procedure or a block that commits does not go on without its tenant', async () => {
      const { a, db, as, ofB } = await two()
      const { schema } = storageNames({ rolePrefix: database.rolePrefix })(a)
      expect(schema).not.toBe(ofB.schema)
      await database.provisioner.query(`create procedure ${schema}.in_pieces() language plpgsql as
        $$ begin commit; raise exception 'read %', (select string_agg(text, ' ') from notes); end $$`)
      for (const text of [
        'call in_pieces()',
        `do $$ begin commit; raise exception 'read %', (select string_agg(text, ' ') from notes); end $$`,
      ])
        expect(await codeOf(() => as(a, () => db.query(text)))).toMatch(/^(?:2D000|STATEMENT_REFUSED)$/)
    })

    it('S3 the role is gone: BEGIN says so, and the connection goes on', async () => {
      const { b, db, as, ofB } = await two()
      await database.admin.query(`drop owned by ${ofB.role}; drop role ${ofB.role}`)
      await as(b, async () => {
        const client = await db.connect()
        expect(await codeOf(() => client.query('begin'))).toBe('TENANT_STORE_MISSING')
        expect(await codeOf(() => client.query('rollback'))).toBe('no error')
        client.release()
      })
      expect(await as(b, () => codeOf(() => db.query('select 1')))).toBe('TENANT_STORE_MISSING')
    })

    it('S1 the placement of another tenant reaches nothing: the role is made of the id', async () => {
      const { isolation, db, as, ofB } = await two()
      const thief = tenant({ placement: { schema: ofB.schema } })
      expect(await as(thief, () => codeOf(() => db.query('select * from notes')))).toBe('TENANT_STORE_MISSING')
      expect(await codeOf(() => isolation.provision(thief))).toBe('OBJECT_FOREIGN')
      expect(await codeOf(() => isolation.deprovision(thief))).toBe('OBJECT_FOREIGN')
    })

    it('R26 a temporary table does not stand in front of the tenant’s', async () => {
      const { a, db, as } = await two()
      await database.admin.query(`grant temporary on database ${database.name} to public`)
      await as(a, async () => {
        const client = await db.connect()
        await client.query('begin')
        await client
          .query(`do $$ begin execute 'create temporary table notes (text text) on commit drop'; end $$`)
          .catch(() => undefined)
        if (client.getTransactionStatus() === 'T')
          expect((await client.query('select text from notes')).rows).toEqual([{ text: 'of a' }])
        await client.query('rollback')
        client.release()
      })
      await database.admin.query(`revoke temporary on database ${database.name} from public`)
    })

    it('T32 the default tenant lives in a schema that was there, which stays', async () => {
      const isolation = open({ defaultSchema: 'home' })
      const home =
        registry.findDefault() instanceof Promise ? undefined : (registry.findDefault() as Tenant | undefined)
      const main = home ?? tenant({ isDefault: true })
      await isolation.provision(main)
      await isolation.provision(main)
      const db = tenancy.handle(isolation)
      await tenancy.run(main, () => db.query(`insert into notes values (7, 'at home')`))
      expect((await database.admin.query('select text from home.notes')).rows).toEqual([{ text: 'at home' }])
      expect(await codeOf(() => isolation.deprovision(main))).toBe('TENANT_PROTECTED')
      await database.admin.query('delete from home.notes')
    })

    it('T32 a schema that is given: tables that came since are granted, those of others are not, and what may not be granted is said', async () => {
      await database.admin.query(`create schema given; alter schema given owner to ${database.provisionerRole};
        create table given.foreign_one (id int)`)
      const isolation = open({ defaultSchema: 'given' })
      const home = { ...tenant(), isDefault: true }
      await isolation.provision(home)
      await database.provisioner.query('create table given.own (id int)')
      await isolation.provision(home)
      const { query } = isolation.handle(() => home)
      expect((await query('select * from own')).rows).toEqual([])
      expect(await codeOf(() => query('select * from foreign_one'))).toBe('42501')
      await database.admin.query('create schema closed')
      expect(await codeOf(() => open({ defaultSchema: 'closed' }).provision(home))).toBe('PROVISIONING_FAILED')
    })

    it("role: 'none' serves the default tenant in its schema too", async () => {
      await database.provisioner.query('create schema plain; create table plain.notes (id int)')
      const isolation = open({ role: 'none', defaultSchema: 'plain', onUnsafe: 'report' })
      const home = { ...tenant(), isDefault: true }
      await isolation.provision(home)
      expect((await isolation.handle(() => home).query('select * from notes')).rows).toEqual([])
      await database.provisioner.query('drop schema plain cascade')
    })

    it("role: 'none' keeps mistakes apart, does not claim enforced, and says what it does not stop", async () => {
      const isolation = open({ role: 'none', keyPrefix: 'n_', onUnsafe: 'report' })
      expect(isolation.claims.enforced).toBe(false)
      const [a, b] = [tenant(), tenant()]
      for (const one of [a, b]) await isolation.provision(one)
      const db = tenancy.handle(isolation)
      await tenancy.run(a, () => db.query(`insert into notes values (1, 'of a')`))
      expect((await tenancy.run(b, () => db.query('select * from notes'))).rows).toEqual([])
      const { rows } = await tenancy.run(a, () => db.query('select current_schema() as schema'))
      const qualified = await tenancy.run(b, () => db.query(`select text from ${rows[0].schema}.notes`))
      expect(qualified.rows).toEqual([{ text: 'of a' }])
      const missing = await tenancy.run(tenant(), () => codeOf(() => db.query('select 1')))
      for (const one of [a, b]) await isolation.deprovision(one)
      expect(missing).toBe('TENANT_STORE_MISSING')
    })

    it('health says how long it took, or why it does not answer', async () => {
      const { isolation, a } = await two()
      expect(await isolation.health(a)).toMatchObject({ ok: true })
      expect(await isolation.health(tenant())).toMatchObject({ ok: false, reason: 'TENANT_STORE_MISSING' })
    })
  },
  { through: ['direct', 'pgbouncer'] },
)
