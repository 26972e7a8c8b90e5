import pg from 'pg'
import { expect, it } from 'vitest'
import { adopt } from '../src/adopt.ts'
import { lookInside } from '../src/look-inside.ts'
import { tables } from '../src/tables.ts'
import { describeHouse } from './support.ts'

describeHouse('the rows of tenants', house => {
  it('A44 every table of tenants is under row-level security, forced, and its keys lead within a tenant', async () => {
    const { admin } = house.deployment
    const { rows } = await admin.query(`select relname as name from pg_class
       where relnamespace = 'public'::regnamespace and relkind = 'r' and relrowsecurity and relforcerowsecurity
         and exists (select from pg_attribute where attrelid = pg_class.oid and attname = 'tenant_id' and attnotnull) order by 1`)
    expect(rows.map(({ name }) => name)).toEqual([...Object.keys(tables), 'configurations'].sort())
    const { rows: keys } = await admin.query(`select conrelid::regclass::text as name from pg_constraint c
       where contype in ('p', 'u', 'f') and connamespace = 'public'::regnamespace and not exists (
         select from pg_attribute where attrelid = conrelid and attname = 'tenant_id' and attnum = any (conkey))`)
    expect(keys).toEqual([])
  })

  it('A44 the audit log of a tenant is its own, is written with what it tells of, and is rewritten by nobody', async () => {
    const { platform } = house.deployment
    const { tenant, person } = await house.tenant()
    const token = await person('admins')
    const body = { name: 'twice', pattern: 'p' }
    const post = () => house.ask({ method: 'POST', path: '/api/lint-rules', body }, { token })
    expect([(await post()).status, (await post()).status]).toEqual([201, 409])
    const { items } = (await house.ask({ path: '/api/audit-log' }, { token })).body as { items: { what: string }[] }
    expect(items.map(({ what }) => what)).toEqual(['lint-rules twice'])
    const forged = platform.tenancy.run(tenant, () => platform.rows.query("update audit_log set actor = 'nobody'"))
    await expect(forged).rejects.toMatchObject({ code: '42501' })
  })

  it('A14 A39 A40 one count, no word of tenants: each tenant its own, the superuser all, and past Tenantry nobody any', async () => {
    const { admin, primary, platform, runtimeUrl } = house.deployment
    const { tenant, person } = await house.tenant()
    const token = await person('admins')
    await house.ask({ method: 'POST', path: '/api/configurations', body: { name: 'n', body: 'b' } }, { token })
    const count = 'select count(*)::int as count from configurations'
    const all = (await admin.query(count)).rows[0]?.count
    expect(all).toBeGreaterThanOrEqual(2501)
    // A transaction of the driver's own, behind the lease: nothing but the server adds the tenant.
    const of = (one: typeof tenant) =>
      platform.tenancy.run(one, async () => {
        const client = await platform.rows.connect()
        try {
          await client.query('begin')
          const { rows } = await client.query(count)
          await client.query('commit')
          return rows[0]?.count
        } finally {
          client.release()
        }
      })
    expect([await of(primary), await of(tenant)]).toEqual([2500, 1])
    const raw = new pg.Client({ connectionString: runtimeUrl })
    await raw.connect()
    try {
      expect((await raw.query(count)).rows).toEqual([{ count: 0 }])
      const guesses = { 'tenantry.tenant_id': tenant.id, 'tenantry.seal': '01'.repeat(48) }
      for (const [setting, value] of Object.entries(guesses)) {
        await raw.query('select set_config($1, $2, false)', [setting, value])
        await expect(raw.query(count)).rejects.toMatchObject({ code: '42501' })
      }
    } finally {
      await raw.end()
    }
    const looks = await lookInside(house.deployment, tenant)
    expect(looks.slice(1).map(({ found }) => found)).toEqual(['2500', '1', '0', '42501'])
    const foreign = platform.tenancy.run(tenant, () =>
      platform.rows.query("insert into policies (tenant_id, name, rule) values ($1, 'n', 'r')", [primary.id]),
    )
    await expect(foreign).rejects.toMatchObject({ code: '42501' })
  })

  it('A46 what a single tenant had is the first tenant’s, row for row; again changes nothing', async () => {
    const { adopted, admin, primary, migrateAgain } = house.deployment
    expect(adopted).toEqual({ before: 2500, rows: 2500 })
    const own = 'select count(*)::int as count from configurations where tenant_id = $1'
    const before = (await admin.query(own, [primary.id])).rows
    expect(await migrateAgain()).toBe(0)
    expect((await admin.query(own, [primary.id])).rows).toEqual(before)
  })

  it('A46 an adoption that was killed in its batches is ended later; one for another tenant is refused', async () => {
    const { admin } = house.deployment
    await admin.query('create table relics (id int primary key)')
    await admin.query('insert into relics select generate_series(1, 25)')
    const role = new URL(house.deployment.runtimeUrl).username
    const terms = { owner: admin, table: 'relics', tenant: 'one', runtimeRole: role, batch: 10 }
    const keys = ['alter table relics drop constraint relics_pkey, add primary key (tenant_id, id)']
    // Killed behind the batches: the keys cannot be made, and nothing of the protection is there.
    await expect(adopt({ ...terms, keys: ['alter table relics drop constraint none'] })).rejects.toMatchObject({
      code: '42704',
    })
    const state =
      'select relrowsecurity as is_protected, (select count(*)::int from relics where tenant_id = $1) as own from pg_class where oid = $2::regclass'
    expect((await admin.query(state, ['one', 'relics'])).rows).toEqual([{ is_protected: false, own: 25 }])
    await expect(adopt({ ...terms, keys, tenant: 'two' })).rejects.toMatchObject({ code: 'OBJECT_FOREIGN' })
    await admin.query('update relics set tenant_id = null where id > 5')
    expect(await adopt({ ...terms, keys })).toBe(25)
    expect((await admin.query(state, ['one', 'relics'])).rows).toEqual([{ is_protected: true, own: 25 }])
    expect(await adopt({ ...terms, keys })).toBe(0)
    await admin.query('drop table relics')
  })
})
