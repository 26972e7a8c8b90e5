import type { Tenant } from '@tenantry/core'
import { type PostgresServer, startPostgres } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { PgDatabase, PgDatabaseOptions } from '../src/index.ts'
import { databaseIsolation, failureOf, type Ground, makeGround, standing, tenantOn } from './support.ts'

// A server of its own: it goes down and comes back.
describePostgres('faults of one database are nobody else’s', () => {
  let server: PostgresServer
  let ground: Ground
  const credentials = standing()
  const opened: PgDatabase[] = []
  const open = (options: Partial<PgDatabaseOptions> = {}): PgDatabase => {
    const isolation = databaseIsolation(ground, { credentials, applicationName: 'faults', ...options })
    opened.push(isolation)
    return isolation
  }
  async function provisioned(count: number): Promise<Tenant[]> {
    const tenants = Array.from({ length: count }, () => tenantOn(ground))
    const isolation = open()
    for (const tenant of tenants) {
      await isolation.provision(tenant)
      await isolation.handle(() => tenant).query('insert into notes values (gen_random_uuid(), $1)', [tenant.id])
    }
    await isolation.close()
    return tenants
  }
  async function inside(tenant: Tenant, sql: string): Promise<void> {
    const client = new pg.Client(ground.urlOf(String(tenant.placement.database)))
    await client.connect()
    await client.query(sql)
    await client.end()
  }
  const texts = async (isolation: PgDatabase, tenant: Tenant) =>
    (await isolation.handle(() => tenant).query('select text from notes')).rows

  beforeAll(async () => {
    server = await startPostgres()
    ground = await makeGround(server)
  })
  afterEach(async () => {
    for (const isolation of opened.splice(0)) await isolation.close()
  })
  afterAll(async () => {
    await ground?.close()
    await server?.stop()
  })

  it('D13 D7 a database that was restored into another tenant’s place serves nobody', async () => {
    const [acme, globex] = (await provisioned(2)) as [Tenant, Tenant]
    const [a, b] = [String(acme.placement.database), String(globex.placement.database)]
    // The data of acme under globex's name, for globex's login.
    for (const sql of [
      `drop database ${b} with (force)`,
      `alter database ${a} rename to ${b}`,
      `alter database ${b} owner to ${b}`,
    ])
      await ground.admin.query(sql)
    await inside(globex, `grant usage on schema tenantry to ${b}; grant select on tenantry.identity to ${b}`)
    const isolation = open({ onUnsafe: 'report' })
    expect(await failureOf(texts(isolation, globex))).toMatchObject({
      code: 'IDENTITY_MISMATCH',
      details: { found: "it is another tenant's" },
    })
    expect(await failureOf(texts(isolation, acme))).toMatchObject({ code: 'TENANT_STORE_MISSING' })
    expect(isolation.metrics().connections).toMatchObject({ opened: 0, failed: 2, total: 0 })
  })

  it('a database without an identity, or with one that nobody may read, serves nobody', async () => {
    const [acme, globex] = (await provisioned(2)) as [Tenant, Tenant]
    await inside(acme, 'drop schema tenantry cascade')
    await inside(globex, `revoke select on tenantry.identity from ${globex.placement.database}`)
    const isolation = open()
    for (const tenant of [acme, globex])
      expect(await failureOf(texts(isolation, tenant))).toMatchObject({
        code: 'IDENTITY_MISMATCH',
        details: { found: expect.stringContaining('no identity') },
      })
  })

  it('D2 a tenant that has moved is not reached by its old placement', async () => {
    const [acme] = (await provisioned(1)) as [Tenant]
    const isolation = open()
    expect(await texts(isolation, acme)).toEqual([{ text: acme.id }])
    // What a move does: the old place is fenced by its identity, the registry has the next epoch.
    await inside(acme, 'update tenantry.identity set epoch = 2')
    const moved = { ...acme, version: 2, placement: { ...acme.placement, epoch: '2' } }
    expect(await texts(isolation, moved)).toEqual([{ text: acme.id }])
    expect(await failureOf(texts(isolation, acme))).toMatchObject({
      code: 'PLACEMENT_INVALID',
      details: { problem: expect.stringContaining('moved on to 2') },
    })
    // Another process, which has only heard of the old one.
    expect(await failureOf(texts(open(), acme))).toMatchObject({ code: 'IDENTITY_MISMATCH' })
    const elsewhere = { ...moved, placement: { ...moved.placement, database: `${acme.placement.database}x` } }
    expect(await failureOf(texts(isolation, elsewhere))).toMatchObject({ code: 'PLACEMENT_INVALID' })
  })

  it('a database that is gone is TENANT_STORE_MISSING, and the others go on', async () => {
    const [acme, globex] = (await provisioned(2)) as [Tenant, Tenant]
    const isolation = open()
    await texts(isolation, acme)
    await ground.admin.query(`drop database ${acme.placement.database} with (force)`)
    await expect.poll(() => isolation.metrics().connections.total).toBe(0)
    expect(await failureOf(texts(isolation, acme))).toMatchObject({
      code: 'TENANT_STORE_MISSING',
      details: { reason: 'there is no such database' },
    })
    expect(await isolation.health(acme)).toMatchObject({ ok: false, reason: 'TENANT_STORE_MISSING' })
    expect(await texts(isolation, globex)).toEqual([{ text: globex.id }])
    expect(await isolation.health(globex)).toMatchObject({ ok: true })
  })

  it('a database that takes no connections is told so', async () => {
    const [acme] = (await provisioned(1)) as [Tenant]
    await ground.admin.query(`alter database ${acme.placement.database} allow_connections false`)
    expect(await failureOf(texts(open(), acme))).toMatchObject({ code: 'TENANT_STORE_MISSING' })
  })

  it('D10 a connection that is in use is not closed for another tenant', async () => {
    const [acme, globex] = (await provisioned(2)) as [Tenant, Tenant]
    const isolation = open({ connections: { max: 1, queueTimeout: 1_500 } })
    const lease = await isolation.handle(() => acme).connect()
    await lease.query('begin')
    expect(await failureOf(texts(isolation, globex))).toMatchObject({ code: 'POOL_EXHAUSTED' })
    expect((await lease.query('select text from notes')).rows).toEqual([{ text: acme.id }])
    await lease.query('commit')
    lease.release()
    expect(await texts(isolation, globex)).toEqual([{ text: globex.id }])
  })

  it('D9 a tenant cannot install what reaches other databases', async () => {
    const [acme] = (await provisioned(1)) as [Tenant]
    const isolation = open()
    // Not there at all, or not for the tenant.
    for (const extension of ['dblink', 'postgres_fdw'])
      expect(await failureOf(isolation.handle(() => acme).query(`create extension ${extension}`))).toMatchObject({
        code: expect.stringMatching(/^(?:42501|0A000|58P01)$/),
      })
  })

  describe('D6 a server that goes down and comes back', () => {
    it('is an error with a code meanwhile, and is found again by all, a few at a time', async () => {
      const tenants = await provisioned(12)
      const isolation = open({ connections: { max: 20, maxPerTenant: 2 } })
      for (const tenant of tenants) await texts(isolation, tenant)
      await server.down()
      for (const outcome of await Promise.all(tenants.map(tenant => failureOf(texts(isolation, tenant)))))
        expect(outcome).toMatchObject({
          code: expect.stringMatching(/^(?:DATABASE_UNAVAILABLE|CONNECTION_LOST)$/),
          status: 503,
        })
      await server.up()
      const answers = await Promise.all(
        tenants.map(async tenant => {
          for (;;) {
            const outcome = await texts(isolation, tenant).catch((error: { code?: string }) => error.code)
            if (!/^(?:DATABASE_UNAVAILABLE|CONNECTION_LOST)$/.test(String(outcome))) return outcome
          }
        }),
      )
      expect(answers).toEqual(tenants.map(tenant => [{ text: tenant.id }]))
      expect(isolation.metrics().connections.total).toBeLessThanOrEqual(20)
    })
  })
})
