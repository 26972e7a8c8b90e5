import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { databaseIsolation, failureOf, type Ground, makeGround, tenantOn } from './support.ts'

describePostgres('a database for every tenant', server => {
  let ground: Ground
  beforeAll(async () => {
    ground = await makeGround(server)
  })
  afterAll(() => ground.close())

  it('each tenant reads and writes its own', async () => {
    const isolation = databaseIsolation(ground)
    const [acme, globex] = [tenantOn(ground), tenantOn(ground)]
    for (const tenant of [acme, globex]) await isolation.provision(tenant)
    for (const tenant of [acme, globex])
      await isolation.handle(() => tenant).query('insert into notes values (gen_random_uuid(), $1)', [tenant.id])
    for (const tenant of [acme, globex]) {
      const { rows } = await isolation
        .handle(() => tenant)
        .query('select text, current_database() as database, current_user as user from notes')
      expect(rows).toEqual([{ text: tenant.id, database: tenant.placement.database, user: tenant.placement.database }])
    }
    // Other tests make databases on this server, which are open for a moment.
    expect((await isolation.verify()).filter(({ severity }) => severity === 'error')).toEqual([])
    for (const tenant of [acme, globex]) {
      const { erased } = await isolation.deprovision(tenant)
      expect(erased).toEqual([
        { kind: 'table', name: 'public.notes', count: 1 },
        { kind: 'database', name: tenant.placement.database, count: 1 },
        { kind: 'role', name: `${tenant.placement.database}_login`, count: 1 },
        { kind: 'role', name: tenant.placement.database, count: 1 },
      ])
      expect((await isolation.deprovision(tenant)).erased).toEqual([])
    }
    await isolation.close()
    expect(await ground.left()).toEqual([])
  })

  it('a tenant makes objects in its own database, whatever made the first ones', async () => {
    for (const structure of [
      { by: 'template', database: ground.template },
      { by: 'sql', statements: ['create table notes (id int)'] },
    ] as const) {
      const isolation = databaseIsolation(ground, { structure })
      const tenant = tenantOn(ground)
      await isolation.provision(tenant)
      const handle = isolation.handle(() => tenant)
      await handle.query('create table more (id int)')
      expect((await handle.query('select from notes, more')).rows).toEqual([])
      await isolation.deprovision(tenant)
      await isolation.close()
    }
  })

  describe('a database that is not the tenant’s', () => {
    it('is refused by its identity', async () => {
      const isolation = databaseIsolation(ground)
      const tenant = tenantOn(ground)
      await isolation.provision(tenant)
      await ground.admin.query('select 1')
      const later = { ...tenant, placement: { ...tenant.placement, epoch: '2' } }
      const failure = await failureOf(isolation.handle(() => later).query('select 1'))
      expect(failure).toMatchObject({
        code: 'IDENTITY_MISMATCH',
        details: { found: 'it is of the placement epoch 1, not 2' },
      })
      await isolation.deprovision(tenant)
      await isolation.close()
    })
  })
})
