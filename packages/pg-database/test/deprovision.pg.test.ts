import type { Tenant } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type PgDatabase, postgresLeases } from '../src/index.ts'
import { databaseIsolation, failureOf, type Ground, makeGround, silent, tenantOn } from './support.ts'

describePostgres('erasing a tenant’s database', server => {
  let ground: Ground
  let isolation: PgDatabase
  let brokerPool: pg.Pool
  beforeAll(async () => {
    ground = await makeGround(server)
    brokerPool = new pg.Pool({ connectionString: ground.brokerUrl, max: 4 })
    brokerPool.on('error', () => undefined)
    const credentials = postgresLeases({ brokers: { one: brokerPool }, prefix: `${ground.prefix}l_`, logger: silent })
    isolation = databaseIsolation(ground, { credentials })
  })
  afterAll(async () => {
    await isolation?.close()
    await brokerPool?.end()
    await ground?.close()
  })

  async function provisioned(): Promise<Tenant> {
    const tenant = tenantOn(ground)
    await isolation.provision(tenant)
    await isolation.handle(() => tenant).query('insert into notes values (gen_random_uuid(), $1)', [tenant.id])
    return tenant
  }
  const leftOf = async ({ placement }: Tenant) =>
    (await ground.left()).filter(name => name.includes(`${placement.database}`))

  it('runs nothing of the tenant’s as the provisioner', async () => {
    const tenant = await provisioned()
    const handle = isolation.handle(() => tenant)
    const mine = `${ground.prefix}mine`
    await handle.query(`create function mine() returns boolean language plpgsql as $$ begin
      execute 'create role ${mine} createrole'; return true; end $$`)
    await handle.query('create policy mine on notes using (mine())')
    await handle.query('alter table notes enable row level security')
    await handle.query('alter table notes force row level security')
    const { erased } = await isolation.deprovision(tenant)
    expect(await ground.left()).not.toContain(`role ${mine}`)
    expect(erased).toContainEqual({ kind: 'table', name: 'public.notes', count: 1 })
    expect(await leftOf(tenant)).toEqual([])
  })

  it('is not stopped by settings that the tenant has given its database', async () => {
    const tenant = await provisioned()
    const handle = isolation.handle(() => tenant)
    await handle.query('alter table notes enable row level security')
    await handle.query('alter table notes force row level security')
    for (const setting of ["statement_timeout = '1ms'", 'default_transaction_read_only = on', 'row_security = on'])
      await handle.query(`alter database ${tenant.placement.database} set ${setting}`)
    const { erased } = await isolation.deprovision(tenant)
    expect(erased).toContainEqual({ kind: 'table', name: 'public.notes', count: 1 })
    expect(await leftOf(tenant)).toEqual([])
  })

  it('is not stopped by a table that belongs to a login', async () => {
    const tenant = await provisioned()
    const client = await isolation.handle(() => tenant).connect()
    await client.query(`begin`)
    await client.query(`select set_config('role', 'none', true)`)
    await client.query('create table made_by_a_login (id int)')
    await client.query('commit')
    client.release()
    const { erased } = await isolation.deprovision(tenant)
    expect(erased).toContainEqual({ kind: 'uncounted table', name: 'public.made_by_a_login', count: 1 })
    expect(await leftOf(tenant)).toEqual([])
  })

  it('ends whoever comes in while it goes on', async () => {
    const tenant = await provisioned()
    let over = false
    async function visit(): Promise<void> {
      while (!over)
        await isolation
          .handle(() => tenant)
          .query('select 1, pg_sleep(0.02)')
          .catch(() => undefined)
    }
    const visits = Array.from({ length: 4 }, visit)
    try {
      for (let times = 0; times < 6; times++) {
        await isolation.deprovision(tenant)
        expect(await leftOf(tenant)).toEqual([])
        await isolation.provision(tenant)
      }
    } finally {
      over = true
      await Promise.all(visits)
    }
    await isolation.deprovision(tenant)
  }, 60_000)

  it('leaves no login behind that the tenant who comes back is refused with', async () => {
    const tenant = await provisioned()
    const owner = `${tenant.placement.database}`
    const before = await isolation.handle(() => tenant).query('select session_user as login')
    const [{ login }] = before.rows
    // What a lease is that was issued at the last moment: the role that it is for is another one now.
    await ground.admin.query(`begin; set local role ${ground.prefix}broker; revoke ${owner} from ${login}; commit`)
    await ground.admin.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = $1', [login])
    // The server has ended the session; the pool may hear of it a moment later.
    const now = await vi.waitFor(() => isolation.handle(() => tenant).query('select session_user as login'))
    expect(now.rows[0].login).not.toBe(login)
    await isolation.deprovision(tenant)
  })

  it('that stopped when the database was closed is not provisioned over: nothing of it is served, nothing is lost', async () => {
    const tenant = await provisioned()
    const { database } = tenant.placement
    await ground.admin.query(`alter database ${database} with allow_connections false`)
    await ground.admin.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1', [
      database,
    ])
    const failure = await failureOf(isolation.provision(tenant))
    expect(failure).toMatchObject({ code: 'PROVISIONING_FAILED' })
    expect(failure.message).toContain('Erase it first')
    await ground.admin.query(`alter database ${database} with allow_connections true`)
    await isolation.provision(tenant)
    const { rows } = await isolation.handle(() => tenant).query('select text from notes')
    expect(rows).toEqual([{ text: tenant.id }])
    await isolation.deprovision(tenant)
    expect(await leftOf(tenant)).toEqual([])
  })

  describe('that the server was interrupted in dropping', () => {
    // As an interrupted DROP DATABASE leaves it (since 15.4): the server lets nobody do anything with it but drop it.
    async function interrupt({ placement: { database } }: Tenant): Promise<void> {
      await ground.admin.query('update pg_database set datconnlimit = -2 where datname = $1', [database])
      await ground.admin.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1', [
        database,
      ])
    }

    it('goes on', async () => {
      const tenant = await provisioned()
      await interrupt(tenant)
      const { erased } = await isolation.deprovision(tenant)
      expect(erased.map(({ kind }) => kind)).toEqual(['database', 'role'])
      expect(await leftOf(tenant)).toEqual([])
    })

    it('is begun anew by provisioning', async () => {
      const tenant = await provisioned()
      await interrupt(tenant)
      await isolation.provision(tenant)
      const { rows } = await isolation.handle(() => tenant).query('select count(*)::int as notes from notes')
      expect(rows).toEqual([{ notes: 0 }])
      await isolation.deprovision(tenant)
    })
  })
})
