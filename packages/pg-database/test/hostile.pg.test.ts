import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { PgDatabase } from '../src/index.ts'
import { databaseIsolation, type Ground, makeGround, tenantOn } from './support.ts'

// Its application runs whatever SQL it is given, as the role that owns all that is in the tenant's database.
describePostgres('a hostile tenant', server => {
  let ground: Ground
  let isolation: PgDatabase

  beforeAll(async () => {
    ground = await makeGround(server)
    isolation = databaseIsolation(ground)
  })
  afterEach(async () => expect(await ground.left()).toEqual([]))
  afterAll(async () => {
    await isolation?.close()
    await ground?.close()
  })

  it.each([
    [
      'in a policy',
      'alter table notes enable row level security, force row level security; create policy p on notes using (public.harm())',
    ],
    ['in an index', 'create table mine (id int); create index on mine ((public.innocent(1)))'],
    [
      'in the condition of an index',
      'create table mine (id int); create index on mine (id) where public.innocent(1) = 1',
    ],
  ])('has its code %s run by nobody who may more than it', async (_, sql) => {
    const tenant = tenantOn(ground)
    await isolation.provision(tenant)
    const pool = isolation.handle(() => tenant)
    await pool.query("insert into notes values (gen_random_uuid(), 'one')")
    const role = `${ground.prefix}harm`
    await pool.query(
      `create function harm() returns boolean language plpgsql as $$
       begin reset role; create role ${role} login createrole; return true; exception when others then return true; end $$`,
    )
    await pool.query(
      'create function innocent(int) returns int language plpgsql immutable as $$ begin perform public.harm(); return $1; end $$',
    )
    for (const statement of sql.split(';')) await pool.query(statement)
    const { erased } = await isolation.deprovision(tenant)
    const roles = await ground.admin.query('select from pg_roles where rolname = $1', [role])
    await ground.admin.query(`drop role if exists ${role}`)
    expect(roles.rows).toEqual([])
    expect(erased).toContainEqual({ kind: 'table', name: 'public.notes', count: 1 })
  })

  it.each(["set statement_timeout = '1ms'", 'set role = none', "set search_path = 'nowhere'", 'connection limit 0'])(
    'does not keep itself from being erased by its database: %s',
    async what => {
      const tenant = tenantOn(ground)
      await isolation.provision(tenant)
      const pool = isolation.handle(() => tenant)
      const { database } = tenant.placement
      await pool.query(`revoke connect on database ${database} from ${database}`)
      await pool.query(`alter database ${database} ${what}`)
      const { erased } = await isolation.deprovision(tenant)
      expect(erased).toContainEqual({ kind: 'table', name: 'public.notes', count: 0 })
    },
  )

  it('whose policies hide rows, and break a count, is erased with all of them', async () => {
    const tenant = tenantOn(ground)
    await isolation.provision(tenant)
    const pool = isolation.handle(() => tenant)
    await pool.query("insert into notes values (gen_random_uuid(), 'one')")
    await pool.query('alter table notes enable row level security')
    await pool.query('alter table notes force row level security')
    await pool.query('create policy p on notes using (1 / (length(text) - 3) = 1)')
    const { erased } = await isolation.deprovision(tenant)
    expect(erased).toContainEqual({ kind: 'table', name: 'public.notes', count: 1 })
  })
})
