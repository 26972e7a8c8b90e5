import { createTenancy, memoryRegistry, type Tenancy } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { beforeAll, expect, it } from 'vitest'
import { type SystemPool, systemPool } from '../src/index.ts'
import { acme, failure, globex, refusal, useDatabase } from './support.ts'

const access = { actor: 'billing', reason: 'totals' }
const quiet = () => undefined
const silent = { debug: quiet, info: quiet, warn: quiet, error: quiet }
const audit = { audit: () => Promise.resolve() }

describePostgres('systemPool', server => {
  const db = useDatabase(server)
  const role = () => `${db.database.name}_system`
  const urlOf = (username: string) =>
    Object.assign(new URL(db.database.adminUrl), { username, password: 'system' }).toString()
  const opened: pg.Pool[] = []

  beforeAll(async () => {
    const admin = await db.connect()
    for (const name of [role(), `${role()}_strong`]) {
      await admin.query(`create role ${name} login nosuperuser bypassrls password 'system';
        grant connect on database ${db.database.name} to ${name};
        grant usage on schema public to ${name}; grant select, insert on notes to ${name}`)
    }
    return async () => {
      for (const pool of opened.splice(0)) await pool.end()
      // The database is gone by now, and with it what the roles had in it.
      const last = new pg.Client(server.descriptor.adminUrl)
      await last.connect()
      for (const name of [role(), `${role()}_strong`]) await last.query(`drop role ${name}`)
      await last.end()
    }
  })

  function poolOf(connectionString: string): pg.Pool {
    const pool = new pg.Pool({ connectionString, max: 2 })
    // The end of a pool does not wait for its connections, which end with the database.
    pool.on('error', quiet)
    opened.push(pool)
    return pool
  }

  function make(
    url = urlOf(role()),
    tenancy: Tenancy = createTenancy({ registry: memoryRegistry(), logger: silent, audit }),
    tenantUrl = db.database.runtimeUrl,
  ): { readonly tenancy: Tenancy; readonly pool: pg.Pool; readonly system: SystemPool } {
    const pool = poolOf(url)
    return { tenancy, pool, system: systemPool({ pool, tenancy, tenantPools: [poolOf(tenantUrl)] }) }
  }
  const count = "select string_agg(tenant_id, ' ' order by tenant_id) as tenants from notes"

  it('P12 looks across tenants in the system scope, and carries who and why to the database', async () => {
    const { tenancy, system } = make()
    const rows = await tenancy.runAsSystem(access, async () => {
      const who = "select current_setting('tenantry.actor') as actor, current_setting('tenantry.reason') as reason"
      return [(await system.handle.query(count)).rows[0], (await system.handle.query(who)).rows[0]]
    })
    expect(rows).toEqual([{ tenants: 'acme globex' }, access])
  })

  it('P12 sends nothing outside of one, in a tenant, unaudited, or behind its end', async () => {
    const { tenancy, system, pool } = make()
    const ask = () => system.handle.query(count)
    const lease = () => system.handle.connect()
    for (const use of [ask, lease]) {
      expect(await refusal(use)).toBe('SYSTEM_SCOPE_REQUIRED')
      expect(await tenancy.run(acme, () => refusal(use))).toBe('SYSTEM_SCOPE_REQUIRED')
      const inside = () => tenancy.run(globex, () => refusal(use))
      expect(await tenancy.runAsSystem(access, inside)).toBe('SYSTEM_SCOPE_REQUIRED')
      expect(await refusal(await tenancy.runAsSystem(access, () => tenancy.bind<[], unknown>(use)))).toBe(
        'SYSTEM_SCOPE_REQUIRED',
      )
    }
    const unaudited = createTenancy({ registry: memoryRegistry(), logger: silent })
    const other = make(urlOf(role()), unaudited)
    expect(await unaudited.runAsSystem(access, () => refusal(() => other.system.handle.query(count)))).toBe(
      'SYSTEM_SCOPE_REQUIRED',
    )
    expect([pool.totalCount, other.pool.totalCount]).toEqual([0, 0])
  })

  it('P12 a lease that is kept is dead behind the end of its scope, in a tenant, and in another scope', async () => {
    const { tenancy, system } = make()
    const lease = await tenancy.runAsSystem(access, async () => {
      const taken = await system.handle.connect()
      await taken.query('begin')
      expect(await tenancy.run(acme, () => refusal(taken.query(count)))).toBe('SYSTEM_SCOPE_REQUIRED')
      expect((await taken.query(count)).rows[0]?.tenants).toBe('acme globex')
      return taken
    })
    expect(await refusal(lease.query(count))).toBe('SYSTEM_SCOPE_REQUIRED')
    expect(await tenancy.runAsSystem(access, () => refusal(lease.query(count)))).toBe('SCOPE_MISMATCH')
    lease.release()
  })

  it('a database can refuse whom no actor stands behind', async () => {
    const admin = await db.connect()
    await admin.query(`create function who() returns trigger language plpgsql as $$ begin
        new.text := new.text || ' by ' || current_setting('tenantry.actor'); return new; end $$;
      create trigger who before insert on notes for each row when (new.tenant_id = 'made') execute function who()`)
    const { tenancy, system, pool } = make()
    const insert = "insert into notes (tenant_id, text) values ('made', 'x') returning text"
    const made = await tenancy.runAsSystem(access, () => system.handle.query(insert))
    expect(made.rows).toEqual([{ text: 'x by billing' }])
    // Nothing of it stays on the connection.
    expect((await failure(pool.query(insert))).message).toMatch(/tenantry\.actor|null value/)
    await admin.query("drop trigger who on notes; drop function who; delete from notes where tenant_id = 'made'")
  })

  it('P12 R2 the roles are looked at before the first statement', async () => {
    const ids = async (system: SystemPool) => (await system.verify()).map(({ id }) => id)
    const { runtimeUrl, adminUrl, runtimeRole } = db.database
    expect(await ids(make().system)).toEqual([])
    expect(await ids(make(runtimeUrl).system)).toEqual(['P12'])
    expect(await ids(make(adminUrl).system)).toEqual(['R2'])

    const strong = `${role()}_strong`
    const admin = await db.connect()
    const reached = make(urlOf(strong))
    await admin.query(`grant ${strong} to ${runtimeRole}`)
    const use = () => reached.tenancy.runAsSystem(access, () => reached.system.handle.query(count))
    expect(await refusal(use)).toBe('UNSAFE_CONFIGURATION')
    expect(await refusal(reached.system.ready())).toBe('UNSAFE_CONFIGURATION')
    for (const { fix } of await reached.system.verify()) await admin.query(fix)
    expect((await use()).rows[0]?.tenants).toBe('acme globex')

    const group = `${role()}_group`
    await admin.query(`create role ${group} superuser; grant ${group} to ${strong}`)
    expect(await ids(make(urlOf(strong)).system)).toEqual(['R2'])
    await admin.query(`drop role ${group}`)
  })

  it('a closed one sends nothing', async () => {
    const { tenancy, system, pool } = make()
    system.close()
    expect(await tenancy.runAsSystem(access, () => refusal(() => system.handle.query(count)))).toBe('SCOPE_CLOSED')
    expect(pool.totalCount).toBe(0)
  })
})
