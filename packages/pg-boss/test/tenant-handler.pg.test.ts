import { createTenancy, memoryRegistry, secret, type Tenant, type TenantJob, tenantJobs } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import PgBoss from 'pg-boss'
import { beforeAll, expect, it, vi } from 'vitest'
import { tenantHandler } from '../src/index.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
type Mail = { to: string }

describePostgres('pg-boss jobs of tenants', postgres => {
  let boss: PgBoss
  let names = 0

  beforeAll(async () => {
    const database = await postgres.freshDatabase()
    boss = new PgBoss({ connectionString: database.adminUrl, max: 4 })
    boss.on('error', () => undefined)
    await boss.start()
    return async () => {
      await boss.stop({ graceful: false, wait: true })
      await database.drop()
    }
  })

  /** A queue that all tenants share, and its worker. */
  async function serve(options: { batchSize?: number; inside?: boolean; handle?: () => Promise<unknown> } = {}) {
    const registry = memoryRegistry(['acme', 'globex'].map(id => ({ id, slug: id, name: id })))
    const [acme, globex] = ['acme', 'globex'].map(value => registry.find({ kind: 'id', value })) as [Tenant, Tenant]
    const tenancy = createTenancy({ registry, logger: silent })
    const jobs = tenantJobs(tenancy, { key: secret('k'.repeat(32)) })
    const name = `mail-${names++}`
    await boss.createQueue(name, { name, retryLimit: 20, retryDelay: 0 })
    const handled = vi.fn(async (mail: Mail) => {
      await options.handle?.()
      return { by: tenancy.current().id, to: mail.to }
    })
    const { batchSize = 1, inside = false } = options
    const work = () =>
      boss.work<TenantJob<Mail>>(name, { batchSize, pollingIntervalSeconds: 0.5 }, tenantHandler(jobs, handled))
    const send = async (data: object, own = {}) => (await boss.send(name, data, own)) as string
    const carried = (tenant: Tenant, to = 'ada') => tenancy.run(tenant, () => jobs.carry({ to }))
    const look = async (id: string) => {
      const job = await boss.getJobById(name, id)
      return { state: job?.state, output: job?.output as { code?: string } | undefined, retries: job?.retryCount }
    }
    const start = () => (inside ? tenancy.run(acme, work) : work())
    return { registry, acme, globex, handled, start, send, carried, look }
  }

  const patience = { timeout: 20_000, interval: 100 }

  it('C39 run as the tenant that sent them, also in a worker that another tenant started', async () => {
    const { acme, globex, start, send, carried, look } = await serve({ inside: true })
    const ids = await Promise.all([acme, globex, globex].map((tenant, n) => send(carried(tenant, `${n}`))))
    await start()
    const states = async () => (await Promise.all(ids.map(look))).map(({ state }) => state)
    await expect.poll(states, patience).toEqual(['completed', 'completed', 'completed'])
    expect((await Promise.all(ids.map(look))).map(({ output }) => output)).toEqual([
      { by: 'acme', to: '0' },
      { by: 'globex', to: '1' },
      { by: 'globex', to: '2' },
    ])
  })

  it.each<[string, (job: TenantJob<Mail>) => object]>([
    ['changed tenant', job => ({ ...job, tenant: { v: 1, tenant: 'globex' } })],
    ['changed payload', job => ({ ...job, payload: { to: 'mallory' } })],
    ['signature left out', ({ signature: _, ...job }) => job],
    ['envelope left out', ({ tenant: _, ...job }) => job],
  ])('X16 C39 fail with a %s, and are not begun', async (_, change) => {
    const { acme, handled, start, send, carried, look } = await serve()
    const id = await send(change(carried(acme)), { retryLimit: 0 })
    await start()
    await expect.poll(async () => (await look(id)).state, patience).toBe('failed')
    expect((await look(id)).output?.code).toBe('ENVELOPE_INVALID')
    expect(handled).not.toHaveBeenCalled()
  })

  it('C39 C19 are tried again while their tenant is suspended, and done when it is active', async () => {
    const { registry, acme, handled, start, send, carried, look } = await serve()
    const id = await send(carried(acme))
    registry.update(acme.id, { status: 'suspended' })
    await start()
    await expect.poll(async () => (await look(id)).retries, patience).toBeGreaterThan(0)
    expect((await look(id)).output?.code).toBe('TENANT_SUSPENDED')
    expect(handled).not.toHaveBeenCalled()
    registry.update(acme.id, { status: 'active' })
    await expect.poll(async () => (await look(id)).state, patience).toBe('completed')
    expect(handled).toHaveBeenCalledTimes(1)
  })

  it('L8 fail when their tenant is gone, and are not begun', async () => {
    const { registry, acme, handled, start, send, carried, look } = await serve()
    const id = await send(carried(acme), { retryLimit: 0 })
    registry.remove(acme.id)
    await start()
    await expect.poll(async () => (await look(id)).state, patience).toBe('failed')
    expect((await look(id)).output?.code).toBe('TENANT_NOT_FOUND')
    expect(handled).not.toHaveBeenCalled()
  })

  it('C39 in a batch of several fail, and none is begun', async () => {
    const { acme, globex, handled, start, send, carried, look } = await serve({ batchSize: 5 })
    const ids = await Promise.all([acme, globex].map(tenant => send(carried(tenant), { retryLimit: 0 })))
    await start()
    const codes = async () => (await Promise.all(ids.map(look))).map(({ output }) => output?.code)
    await expect.poll(codes, patience).toEqual(['ARGUMENT_INVALID', 'ARGUMENT_INVALID'])
    expect(handled).not.toHaveBeenCalled()
  })
})
