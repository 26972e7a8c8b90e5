import { createTenancy, memoryRegistry, type Tenant } from '@tenantry/core'
import type { FreshDatabase } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type SharedData, type SharedDataOptions, sharedData } from '../src/index.ts'
import { failureOf, silent } from './support.ts'

const tables = (reader: string, text: string) => `
  create table registry_tenants (id text primary key);
  insert into registry_tenants values ('acme');
  create table shared_platforms (id integer primary key, name text not null);
  insert into shared_platforms values (1, '${text}');
  create sequence shared_numbers;
  grant select on shared_platforms to ${reader}`

describePostgres('data that all tenants share', server => {
  const tenancy = createTenancy({ registry: memoryRegistry(), logger: silent })
  const [acme, globex] = ['acme', 'globex'].map(slug => memoryRegistry().add({ slug, name: slug })) as [Tenant, Tenant]
  const closing: (() => unknown)[] = []
  let bootstrap: FreshDatabase
  let owner: pg.Pool
  let admin: pg.Pool

  function open(connectionString: string, max = 2): pg.Pool {
    const pool = new pg.Pool({ connectionString, max })
    pool.on('error', () => undefined)
    closing.push(() => pool.end())
    return pool
  }

  function share(options: Partial<SharedDataOptions> = {}): SharedData {
    const shared = sharedData({ bootstrap: open(bootstrap.runtimeUrl), logger: silent, ...options })
    closing.push(() => shared.close())
    return shared
  }

  /** As a superuser, one statement, while the work goes on, and then what takes it back. */
  async function during<T>(change: string, back: string, work: () => Promise<T>): Promise<T> {
    await admin.query(change)
    try {
      return await work()
    } finally {
      await admin.query(back)
    }
  }

  beforeAll(async () => {
    bootstrap = await server.freshDatabase()
    owner = open(bootstrap.ownerUrl, 1)
    admin = open(bootstrap.adminUrl, 1)
    await owner.query(tables(bootstrap.runtimeRole, 'in the bootstrap database'))
  })
  afterAll(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  it('S04 is read in the context of any tenant, and in none without a tenant', async () => {
    const shared = share()
    await shared.ready()
    const handle = shared.handle(tenancy.current)
    for (const tenant of [acme, globex]) {
      const { rows } = await tenancy.run(tenant, () =>
        handle.query('select name from shared_platforms where id = $1', [1]),
      )
      expect(rows).toEqual([{ name: 'in the bootstrap database' }])
    }
    expect(await failureOf(handle.query('select 1'))).toMatchObject({ code: 'TENANT_CONTEXT_MISSING' })
    expect(
      await failureOf(tenancy.runAsSystem({ actor: 'a', reason: 'b' }, () => handle.query('select 1'))),
    ).toMatchObject({
      code: 'TENANT_CONTEXT_MISSING',
    })
  })

  it('S05 stands in the bootstrap database until a server of its own is configured; the code is the same', async () => {
    const own = await server.freshDatabase()
    await open(own.ownerUrl, 1).query(tables(own.runtimeRole, 'in a database of its own'))
    for (const [options, text] of [
      [{}, 'in the bootstrap database'],
      [{ shared: open(own.runtimeUrl) }, 'in a database of its own'],
    ] as const) {
      const shared = share(options)
      expect((await shared.verify()).filter(({ severity }) => severity === 'error')).toEqual([])
      const { rows } = await shared.handle(() => acme).query('select name from shared_platforms')
      expect(rows).toEqual([{ name: text }])
    }
  })

  it('is refused to everybody once it is closed', async () => {
    const shared = share()
    const handle = shared.handle(() => acme)
    await handle.query('select 1')
    shared.close()
    shared.close()
    expect(await failureOf(handle.query('select 1'))).toMatchObject({ code: 'SCOPE_CLOSED' })
  })

  // The role may write here, so that nothing but the setting is in the way.
  describe('no statement writes, even where the role may', () => {
    let shared: SharedData
    beforeAll(async () => {
      await owner.query(`grant insert, update, delete, truncate on shared_platforms to ${bootstrap.runtimeRole};
        grant usage, update on shared_numbers to ${bootstrap.runtimeRole};
        create function write() returns integer language sql volatile as
          $$ insert into shared_platforms values (2, 'written') returning id $$;
        create function write_anyway() returns integer language plpgsql volatile security definer as
          $$ begin perform set_config('transaction_read_only', 'off', true); insert into shared_platforms values (2, 'written'); return 1; end $$;
        create procedure commit_and_write() language plpgsql as
          $$ begin commit; insert into shared_platforms values (2, 'written'); end $$`)
      shared = share({ onUnsafe: 'report' })
    })
    afterAll(async () => {
      await owner.query(`revoke all on shared_platforms, shared_numbers from ${bootstrap.runtimeRole};
        grant select on shared_platforms to ${bootstrap.runtimeRole}`)
      expect((await admin.query('select id from shared_platforms')).rows).toEqual([{ id: 1 }])
    })

    it.each([
      `insert into shared_platforms values (2, 'written')`,
      `with written as (insert into shared_platforms values (2, 'written') returning id) select * from written`,
      `merge into shared_platforms p using (values (2)) v (id) on p.id = v.id when not matched then insert values (2, 'written')`,
      'update shared_platforms set id = 2',
      'delete from shared_platforms',
      'truncate shared_platforms',
      'select name from shared_platforms for update',
      'select write()',
      `select nextval('shared_numbers')`,
      `select setval('shared_numbers', 7)`,
      'create table mine (id integer)',
      'explain analyze delete from shared_platforms',
    ])('S04 %s', async text => {
      const handle = shared.handle(() => acme)
      expect(await failureOf(handle.query(text))).toMatchObject({ code: '25006' })
      const lease = await handle.connect()
      try {
        expect(await failureOf(lease.query(text))).toMatchObject({ code: '25006' })
        await lease.query('begin')
        expect(await failureOf(lease.query(text))).toMatchObject({ code: '25006' })
        await lease.query('rollback')
      } finally {
        lease.release()
      }
    })

    it.each([
      [`select set_config('transaction_read_only', 'off', true)`, '25001'],
      [`select set_config('transaction_read_only', 'off', false)`, '25001'],
      [`with off as (select set_config('transaction_read_only', 'off', true)) select write() from off`, '25001'],
      ['select write_anyway()', '25001'],
      ['call commit_and_write()', '2D000'],
      [`do $$ begin commit; insert into shared_platforms values (2, 'written'); end $$`, '2D000'],
      [
        `do $$ begin set local transaction_read_only = off; insert into shared_platforms values (2, 'written'); end $$`,
        '25001',
      ],
    ])('S04 nor does one that would first end that it is read-only: %s', async (text, code) => {
      expect(await failureOf(shared.handle(() => acme).query(text))).toMatchObject({ code })
    })

    it.each([
      ['begin read write'],
      ['start transaction read write'],
      ['begin', 'set transaction read write'],
      ['begin', 'set local transaction_read_only = off'],
      ['begin', 'set local default_transaction_read_only = off', 'commit and chain'],
      ['begin', 'savepoint s', 'set transaction read write'],
      ['begin', 'rollback and chain', 'set transaction read write'],
    ])('S04 nor does a transaction that says it writes: %s', async (...statements) => {
      const lease = await shared.handle(() => acme).connect()
      try {
        for (const statement of statements) await lease.query(statement).catch(() => undefined)
        expect(await failureOf(lease.query(`insert into shared_platforms values (2, 'written')`))).toMatchObject({
          code: expect.stringMatching(/^25(?:006|P02)$/),
        })
        await lease.query('rollback')
      } finally {
        lease.release()
      }
    })

    it('S04 nor does a session whose default it is to write', async () => {
      const handle = shared.handle(() => acme)
      await handle.query(`select set_config('default_transaction_read_only', 'off', false)`)
      expect(await failureOf(handle.query('delete from shared_platforms'))).toMatchObject({ code: '25006' })
    })
  })

  describe('verify', () => {
    async function errors(options: Partial<SharedDataOptions> = {}): Promise<readonly string[]> {
      const findings = await share(options).verify()
      return findings
        .filter(({ severity }) => severity === 'error')
        .map(({ id, object, problem }) => `${id} ${object} ${problem}`)
    }

    it('S03 finds a role that reads the registry, by its table, a column, or the rights of another role', async () => {
      const { runtimeRole: role } = bootstrap
      const found = [
        expect.stringContaining(`S03 table public.registry_tenants is the registry's, and ${role} reads it`),
      ]
      for (const what of ['select', 'select (id)'])
        expect(
          await during(
            `grant ${what} on registry_tenants to ${role}`,
            `revoke ${what} on registry_tenants from ${role}`,
            errors,
          ),
        ).toEqual(found)
      expect(
        await during(
          'grant select on registry_tenants to public',
          'revoke select on registry_tenants from public',
          errors,
        ),
      ).toEqual([expect.stringContaining('and public reads it')])
    })

    it.each(['insert', 'update (name)', 'delete', 'truncate'])('S04 finds a role that may %s', async what => {
      const { runtimeRole: role } = bootstrap
      const found = await during(
        `grant ${what} on shared_platforms to ${role}`,
        `revoke ${what} on shared_platforms from ${role}`,
        errors,
      )
      const [privilege] = what.toUpperCase().split(' ')
      expect(found).toEqual([
        expect.stringContaining(`S04 table public.shared_platforms can be written to by ${role} (${privilege})`),
      ])
    })

    it('S04 a role that may write is refused before its first statement', async () => {
      const { runtimeRole: role } = bootstrap
      await during(
        `grant insert on shared_platforms to ${role}`,
        `revoke insert on shared_platforms from ${role}`,
        async () => {
          const shared = share()
          for (const refused of [shared.ready(), shared.handle(() => acme).query('select 1')])
            expect(await failureOf(refused)).toMatchObject({
              code: 'UNSAFE_CONFIGURATION',
              details: { isolation: 'shared-data' },
            })
        },
      )
    })

    it('finds a superuser, an owner, a member of a role that writes, and whoever may make objects', async () => {
      const { runtimeRole: role, ownerRole, name } = bootstrap
      expect(await errors({ bootstrap: open(bootstrap.adminUrl, 1) })).toEqual([
        expect.stringMatching(/^S04 role \w+ is a superuser/),
      ])
      const ofOwner = await errors({ bootstrap: open(bootstrap.ownerUrl, 1) })
      expect(ofOwner).toEqual(
        expect.arrayContaining([
          expect.stringContaining(`table public.registry_tenants belongs to ${ownerRole}`),
          expect.stringContaining(`table public.shared_platforms belongs to ${ownerRole}`),
        ]),
      )
      const other = `${name}_writer`
      // A role of its own: what the runtime role is a member of the tests of other files would meet.
      const login = `${name}_login`
      await admin.query(`create role ${other} nologin bypassrls; grant insert on shared_platforms to ${other};
        create role ${login} login noinherit password 'x'; grant ${other}, pg_read_all_data to ${login};
        grant connect on database ${name} to ${login}; grant usage, create on schema public to ${login}`)
      try {
        const url = new URL(bootstrap.runtimeUrl)
        Object.assign(url, { username: login, password: 'x' })
        const pool = new pg.Pool({ connectionString: url.href, max: 1 })
        const found = await errors({ bootstrap: pool })
        await pool.end()
        expect(found).toEqual([
          expect.stringContaining(`S04 role ${other} reads shared tables and has BYPASSRLS`),
          `S04 role ${login} has what pg_read_all_data may.`,
          expect.stringContaining(`can be written to by ${other} (INSERT)`),
          expect.stringContaining(`S04 schema public lets ${login} make objects`),
        ])
      } finally {
        await admin.query(`drop owned by ${login}, ${other}; drop role ${login}, ${other}`)
      }
      expect(await errors()).toEqual([])
      expect(role).not.toBe(ownerRole)
    })

    it('S04 finds a table that every tenant would read and whose name does not say so', async () => {
      const { runtimeRole: role } = bootstrap
      expect(
        await during(`create table hosts (id integer); grant select on hosts to ${role}`, 'drop table hosts', errors),
      ).toEqual([expect.stringContaining(`S04 table public.hosts is not named shared_… and can be read by ${role}`)])
    })

    it('S03 tells of views and functions that read the registry for whoever asks', async () => {
      const warnings = async () =>
        (await share().verify()).filter(({ id }) => id === 'S03').map(({ severity, object }) => `${severity} ${object}`)
      const before = await warnings()
      const found = await during(
        `create view shared_names as select id from registry_tenants; grant select on shared_names to ${bootstrap.runtimeRole};
         alter view shared_names owner to ${bootstrap.ownerRole};
         create function shared_count() returns bigint language sql security definer as 'select count(*) from registry_tenants'`,
        'drop view shared_names; drop function shared_count()',
        warnings,
      )
      expect(found.filter(one => !before.includes(one))).toEqual([
        'warning function public.shared_count()',
        'warning view public.shared_names',
      ])
    })

    it('tells of large objects, which a read-only transaction writes before version 16', async () => {
      const shared = share()
      const warnings = (await shared.verify()).filter(({ problem }) => /large objects/.test(problem))
      const written = await shared
        .handle(() => acme)
        .query(`select lo_from_bytea(0, 'x') > 0 as written`)
        .then(
          () => true,
          (error: { code?: string }) => error.code !== '25006',
        )
      expect(written).toBe(server.descriptor.major < 16)
      expect(warnings).toHaveLength(written ? 1 : 0)
      await admin.query('select lo_unlink(oid) from pg_largeobject_metadata')
    })
  })
})
