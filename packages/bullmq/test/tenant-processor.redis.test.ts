import { createTenancy, memoryRegistry, secret, type Tenant, type TenantJob, tenantJobs } from '@tenantry/core'
import { describeRedis } from '@tenantry/servers/vitest'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, it, onTestFinished, vi } from 'vitest'
import { tenantProcessor } from '../src/index.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const quiet = () => undefined
type Mail = { to: string }

describeRedis('BullMQ jobs of tenants', redis => {
  let names = 0

  /** A queue that all tenants share, and its worker. */
  async function serve(options: { retryAfter?: number; inside?: boolean; handle?: () => Promise<unknown> } = {}) {
    const registry = memoryRegistry(['acme', 'globex'].map(id => ({ id, slug: id, name: id })))
    const [acme, globex] = [...['acme', 'globex'].map(value => registry.find({ kind: 'id', value }))] as [
      Tenant,
      Tenant,
    ]
    const tenancy = createTenancy({ registry, logger: silent })
    const jobs = tenantJobs(tenancy, { key: secret('k'.repeat(32)) })
    const terms = { connection: new Redis(redis.server.url, { maxRetriesPerRequest: null }) }
    const queue = new Queue<TenantJob<Mail>>(`mail-${names++}`, terms)
    const handled = vi.fn(async (mail: Mail) => {
      await options.handle?.()
      return `${tenancy.current().id}: ${mail.to}`
    })
    const { retryAfter = 100 } = options
    const processor = tenantProcessor<Mail, string>(jobs, handled, { retryAfter })
    const start = () => new Worker<TenantJob<Mail>, string>(queue.name, processor, terms)
    const worker = options.inside !== true ? start() : tenancy.run(acme, start)
    worker.on('error', quiet)
    onTestFinished(async () => {
      await worker.close()
      await queue.close()
      terms.connection.disconnect()
    })
    await worker.waitUntilReady()
    const carried = (tenant: Tenant, to = 'ada') => tenancy.run(tenant, () => jobs.carry({ to }))
    const stateOf = async (id: string | undefined) => (id === undefined ? 'none' : queue.getJobState(id))
    return { registry, acme, globex, tenancy, queue, handled, carried, stateOf, jobs }
  }

  it('C39 run as the tenant that added them, many at once', async () => {
    const { acme, globex, queue, carried, handled } = await serve()
    const tenants = [acme, globex, acme, globex, globex]
    await queue.addBulk(tenants.map((tenant, n) => ({ name: 'send', data: carried(tenant, `${n}`) })))
    await expect.poll(() => queue.getJobCounts('completed'), { timeout: 10_000 }).toEqual({ completed: 5 })
    const done = await queue.getCompleted()
    const answers = done.map(({ returnvalue, data }) => [returnvalue, `${data.tenant.tenant}: ${data.payload.to}`])
    for (const [answer, wanted] of answers) expect(answer).toBe(wanted)
    expect(handled).toHaveBeenCalledTimes(5)
  })

  it('X16 run as their tenant in a worker that another tenant started', async () => {
    const { acme, globex, queue, carried, stateOf } = await serve({ inside: true })
    for (const tenant of [acme, globex]) {
      const { id } = await queue.add('send', carried(tenant))
      await expect.poll(() => stateOf(id), { timeout: 10_000 }).toBe('completed')
      expect((await queue.getJob(id as string))?.returnvalue).toBe(`${tenant.id}: ada`)
    }
  })

  it.each<[string, (job: TenantJob<Mail>) => object]>([
    ['changed tenant', job => ({ ...job, tenant: { v: 1, tenant: 'globex' } })],
    ['changed payload', job => ({ ...job, payload: { to: 'mallory' } })],
    ['signature left out', ({ signature: _, ...job }) => job],
    ['envelope left out', ({ tenant: _, ...job }) => job],
    ['payload alone', job => job.payload],
  ])('X16 C39 fail for good with a %s, and are not begun', async (_, change) => {
    const { acme, queue, carried, handled, stateOf } = await serve()
    const data = change(carried(acme)) as TenantJob<Mail>
    const { id } = await queue.add('send', data, { attempts: 5 })
    await expect.poll(() => stateOf(id), { timeout: 10_000 }).toBe('failed')
    const job = await queue.getJob(id as string)
    expect([job?.attemptsMade, job?.failedReason]).toEqual([
      1,
      expect.stringContaining('The tenant envelope is not valid'),
    ])
    expect(handled).not.toHaveBeenCalled()
  })

  it('C39 C19 wait while their tenant is suspended, and keep their attempts', async () => {
    const { registry, acme, globex, queue, carried, handled, stateOf } = await serve()
    const data = carried(acme)
    registry.update(acme.id, { status: 'suspended' })
    const { id } = await queue.add('send', data, { attempts: 1 })
    // It was taken up and put off more than once.
    await expect
      .poll(async () => (await queue.getJob(id as string))?.attemptsStarted, { timeout: 10_000 })
      .toBeGreaterThan(2)
    expect(await stateOf((await queue.add('send', carried(globex))).id)).not.toBe('failed')
    const mine = () => handled.mock.results.length
    await expect.poll(mine, { timeout: 10_000 }).toBe(1)
    registry.update(acme.id, { status: 'active' })
    await expect.poll(() => stateOf(id), { timeout: 10_000 }).toBe('completed')
    expect((await queue.getJob(id as string))?.returnvalue).toBe('acme: ada')
  })

  it('L8 fail when their tenant is gone, and are not begun', async () => {
    const { registry, acme, queue, carried, handled, stateOf } = await serve()
    const data = carried(acme)
    registry.remove(acme.id)
    const { id } = await queue.add('send', data)
    await expect.poll(() => stateOf(id), { timeout: 10_000 }).toBe('failed')
    expect((await queue.getJob(id as string))?.failedReason).toContain('Unknown tenant')
    expect(handled).not.toHaveBeenCalled()
  })

  it('are BullMQ’s to retry when their handler throws', async () => {
    let left = 2
    const handle = async () => {
      if (left-- > 0) throw new Error('teapot')
    }
    const { acme, queue, carried, stateOf } = await serve({ handle })
    const { id } = await queue.add('send', carried(acme), { attempts: 3 })
    await expect.poll(() => stateOf(id), { timeout: 10_000 }).toBe('completed')
    expect((await queue.getJob(id as string))?.attemptsMade).toBe(3)
  })
})
