import { createTenancy, memoryRegistry } from '@tenantry/core'
import pg from 'pg'
import { expect, it } from 'vitest'
import { describeHouse } from './support.ts'

describeHouse('the rows of organizations', house => {
  const rows = () => house.deployment.processes[0].platform.rows
  async function within<T>(slug: string, fn: () => Promise<T>): Promise<T> {
    const { store, tenancy } = house.deployment.processes[0].platform
    const tenant = await store.find({ kind: 'slug', value: slug })
    if (tenant === undefined) throw new Error(slug)
    return tenancy.run(tenant, fn)
  }
  const code = (error: unknown) => (error as { code?: string }).code

  it('P29 C29 every table of an organization has its id in its key, and every foreign key leads within it', async () => {
    const { owner } = house.deployment
    const { rows: keys } = await owner.query(`
      select c.conrelid::regclass::text as name, c.contype, c.confrelid::regclass::text as target,
             array(select attname::text from unnest(c.conkey) k join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k) as columns
        from pg_constraint c join pg_attribute t on t.attrelid = c.conrelid and t.attname = 'tenant_id' and t.attnotnull
       where c.contype in ('p', 'f') and c.connamespace = 'public'::regnamespace`)
    const shared = ['applications', 'roles']
    const unsafe = keys.filter(({ columns, target }) => !columns.includes('tenant_id') && !shared.includes(target))
    expect(unsafe).toEqual([])
    expect(new Set(keys.map(({ name }) => name)).size).toBe(7)
  })

  it('P31 P33 C29 a foreign key cannot lead to another organization, not even for who is above row security', async () => {
    const [a, b] = [await house.organization(), await house.organization()]
    const admin = new pg.Client(house.deployment.owner.options.connectionString)
    await admin.connect()
    // The owner without its policies: what is left are the keys.
    await admin.query('begin')
    for (const table of ['clients', 'user_roles', 'user_claims'])
      await admin.query(`alter table ${table} no force row level security`)
    const attempts = [
      [`insert into user_claims values ($1, $2, 'level', 'gold')`, [b.id, a.user]],
      [`insert into user_roles values ($1, $2, 'shop', 'buyer')`, [b.id, a.user]],
      [`insert into clients values ($1, 'x', 'porta-admin', 'X', 'https://x.example/')`, [b.id]],
      [`insert into clients values ('nobody', 'x', 'shop', 'X', 'https://x.example/')`, []],
    ] as const
    for (const [statement, values] of attempts) {
      await admin.query('savepoint here')
      await expect(admin.query(statement, [...values])).rejects.toMatchObject({ code: '23503' })
      await admin.query('rollback to here')
    }
    await admin.query('rollback')
    await admin.end()
  })

  it('P34 C29 with no condition at all a statement sees and changes its own organization only', async () => {
    const [a, b] = [await house.organization(), await house.organization()]
    const users = () => rows().query('select tenant_id, id from users')
    expect((await within(a.slug, users)).rows).toEqual([{ tenant_id: a.id, id: a.user }])
    expect((await within(b.slug, users)).rows).toEqual([{ tenant_id: b.id, id: b.user }])
    const renamed = await within(a.slug, () => rows().query("update users set name = 'Everybody'"))
    expect(renamed.rowCount).toBe(1)
    const taken = within(a.slug, () => rows().query('update users set tenant_id = $1', [b.id]))
    await expect(taken).rejects.toMatchObject({ code: '42501' })
    const claims = (await within(b.slug, () => rows().query('select * from user_claims where user_id = $1', [a.user])))
      .rows
    expect(claims).toEqual([])
    await expect(rows().query('select * from users')).rejects.toMatchObject({ code: 'TENANT_CONTEXT_MISSING' })
  })

  it('P32 P33 roles and claims of one organization are not read in another', async () => {
    const [a, b] = [await house.organization(), await house.organization()]
    const { people } = house.deployment.processes[0]
    await within(a.slug, () => people.addRole(a.user, 'shop', 'manager'))
    await within(a.slug, () => people.setClaim(a.user, 'level', 'gold'))
    expect(await within(a.slug, () => people.rolesOf(a.user, 'shop'))).toEqual(['manager'])
    expect(await within(b.slug, () => people.rolesOf(a.user, 'shop'))).toEqual([])
    expect(await within(b.slug, () => people.claimsOf(a.user))).toEqual({})
    const foreign = await within(b.slug, () => people.addRole(a.user, 'shop', 'manager').catch(code))
    expect(foreign).toBe('23503')
  })

  it('P15 a suspended organization is refused by the server too, whoever still thinks that it is served', async () => {
    const { slug, id } = await house.organization()
    const { platform } = house.deployment.processes[0]
    const before = await platform.store.find({ kind: 'id', value: id })
    if (before === undefined) throw new Error(id)
    await house.admin('POST', `/organizations/${slug}/suspend`)
    // A process that has not heard of it: a tenancy of its own over an old snapshot.
    const stale = createTenancy({ registry: memoryRegistry() })
    const { isolation } = platform
    const late = stale.run(before, () => stale.handle(isolation).query("update users set name = 'late'"))
    await expect(late).rejects.toMatchObject({ code: 'TENANT_SUSPENDED' })
  })
})
