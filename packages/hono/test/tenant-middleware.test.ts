import { createTenancy, host, memoryRegistry, TenancyError } from '@tenantry/core'
import { type TenantEnv, tenantMiddleware } from '@tenantry/hono'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { describe, expect, it, vi } from 'vitest'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const registry = memoryRegistry([
  ...['t1', 't2'].map(slug => ({ id: slug, slug, name: slug })),
  { id: 'held', slug: 'held', name: 'Held', status: 'suspended' as const },
])
const tenancy = createTenancy({ registry, resolvers: [host({ baseDomains: ['example.com'] })], logger: silent })
const make = () => new Hono<TenantEnv>().use(tenantMiddleware(tenancy))
const ask = (app: Hono<TenantEnv>, slug: string, path = '/') => app.request(`http://${slug}.example.com${path}`)

describe('tenantMiddleware of Hono', () => {
  it('sets the tenant, and its context', async () => {
    const app = make().get('/', c => c.json([c.var.tenant.id, tenancy.current().id]))
    expect(await (await ask(app, 't1')).json()).toEqual(['t1', 't1'])
  })

  it('P12 answers a refusal before any handler', async () => {
    const reached = vi.fn()
    const answer = await ask(make().get('/', reached), 'held')
    expect([answer.status, answer.headers.get('content-type')]).toEqual([403, 'application/problem+json'])
    expect(await answer.json()).toMatchObject({ code: 'TENANT_SUSPENDED' })
    expect(reached).not.toHaveBeenCalled()
  })

  it('P12 answers an error of Tenantry whatever the error handler makes of it, which runs as the tenant', async () => {
    const told: unknown[] = []
    const app = make()
      .get('/', c => {
        c.header('etag', '"a"')
        throw new TenancyError('TENANT_NOT_FOUND', { key: 'CANARY' })
      })
      .onError((error, c) => {
        told.push(tenancy.current().id, (error as TenancyError).code)
        return c.text(error.message, 200)
      })
    const answer = await ask(app as Hono<TenantEnv>, 't1')
    expect([answer.status, answer.headers.get('etag')]).toEqual([404, null])
    expect(await answer.text()).not.toContain('CANARY')
    expect(told).toEqual(['t1', 'TENANT_NOT_FOUND'])
  })

  it('leaves all other errors to the application', async () => {
    const app = make()
      .get('/', () => {
        throw new Error('teapot')
      })
      .onError((error, c) => c.text(`${tenancy.current().id} ${error.message}`, 418))
    const answer = await ask(app as Hono<TenantEnv>, 't2')
    expect([answer.status, await answer.text()]).toEqual([418, 't2 teapot'])
  })

  it('P2 server-sent events are made as the tenant', async () => {
    const app = make().get('/', c =>
      streamSSE(c, async stream => {
        for (let id = 0; id < 3; id++) {
          await stream.writeSSE({ data: tenancy.current().id, id: String(id) })
          await stream.sleep(1)
        }
      }),
    )
    const answers = await Promise.all(['t1', 't2'].map(async slug => (await ask(app, slug)).text()))
    expect(answers.map(text => [...text.matchAll(/data: (\w+)/g)].map(([, id]) => id))).toEqual([
      ['t1', 't1', 't1'],
      ['t2', 't2', 't2'],
    ])
  })
})
