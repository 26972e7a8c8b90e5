import { type AuditLog, createTenancy, TenancyError } from '@tenantry/core'
import { systemPlugin, tenantPlugin } from '@tenantry/fastify'
import { type FastifyError, fastify } from 'fastify'
import { describe, expect, it } from 'vitest'
import { listen, makeTenancy, registry, silent } from './support.ts'

const accessOf = ({ method, url }: { method: string; url: string }) => ({ actor: 'ops', reason: `${method} ${url}` })

function serve(audit: AuditLog) {
  const tenancy = createTenancy({ registry, logger: silent, audit })
  const kept: (() => unknown)[] = []
  const app = fastify()
  app.register(systemPlugin, { tenancy, accessOf })
  app.post('/totals', async ({ body }) => {
    await new Promise(setImmediate)
    kept.push(tenancy.bind(tenancy.system))
    return { ...tenancy.system(), body }
  })
  app.post('/missing', async () => {
    throw new TenancyError('TENANT_NOT_FOUND', { key: 'CANARY' })
  })
  app.setErrorHandler<FastifyError>((error, _request, reply) => reply.code(503).send({ error: String(error) }))
  return { tenancy, kept, served: listen(app) }
}

describe('systemPlugin', () => {
  it('P5 runs a request in the system scope, written to the audit first, until it is answered', async () => {
    const entries: object[] = []
    const { kept, served } = serve({ audit: async entry => void entries.push(entry) })
    const { ask } = await served
    const headers = { 'content-type': 'application/json' }
    const { status, text } = await ask('example.com', { path: '/totals', body: ['{"a"', ':1}'], headers })
    const access = { actor: 'ops', reason: 'POST /totals' }
    expect([status, JSON.parse(text)]).toEqual([200, { ...access, isAudited: true, body: { a: 1 } }])
    expect(entries).toEqual([{ action: 'system.enter', ...access }])
    await expect.poll(() => code(kept[0])).toBe('SYSTEM_SCOPE_REQUIRED')
  })

  it('P5 a request that cannot be written is not handled', async () => {
    const { kept, served } = serve({ audit: () => Promise.reject(new Error('the disk is full')) })
    const { ask } = await served
    const { status, text } = await ask('example.com', { path: '/totals', method: 'POST' })
    expect([status, JSON.parse(text).error]).toEqual([503, 'Error: the disk is full'])
    expect(kept).toEqual([])
  })

  it('X15 is there in listeners on the request, whose events the socket calls', async () => {
    const tenancy = createTenancy({ registry, logger: silent, audit: { audit: async () => undefined } })
    const app = fastify()
    const seen = new Set<unknown>()
    app.register(systemPlugin, { tenancy, accessOf })
    app.addContentTypeParser('text/plain', (_request, payload, done) => {
      payload.on('data', () => seen.add(code(tenancy.system)))
      payload.on('end', () => done(null, code(tenancy.system)))
    })
    app.post('/', async ({ body }) => `${body} ${code(tenancy.system)}`)
    const { ask } = await listen(app)
    const { text } = await ask('example.com', { body: ['a', 'b'], headers: { 'content-type': 'text/plain' } })
    expect([text, [...seen]]).toEqual(['undefined undefined', [undefined]])
  })

  it('P12 answers errors of Tenantry with problem details', async () => {
    const { ask } = await serve({ audit: async () => undefined }).served
    const { status, text } = await ask('example.com', { path: '/missing', method: 'POST' })
    expect([status, JSON.parse(text).code]).toEqual([404, 'TENANT_NOT_FOUND'])
    expect(text).not.toContain('CANARY')
  })

  it('holds for its scope only, beside one for tenants', async () => {
    const tenancy = makeTenancy()
    const where = () => ({ tenant: tenancy.maybeCurrent()?.id ?? 'none', scope: code(tenancy.system) ?? 'system' })
    const app = fastify()
    app.register(async tenants => {
      tenants.register(tenantPlugin, { tenancy })
      tenants.get('/notes', where)
    })
    app.register(async admin => {
      admin.register(systemPlugin, { tenancy, accessOf })
      admin.get('/totals', where)
    })
    const { ask } = await listen(app)
    const answers = await Promise.all(['/notes', '/totals'].map(path => ask('t1', { path })))
    expect(answers.map(({ text }) => JSON.parse(text))).toEqual([
      { tenant: 't1', scope: 'SYSTEM_SCOPE_REQUIRED' },
      { tenant: 'none', scope: 'system' },
    ])
  })
})

function code(fn: (() => unknown) | undefined): unknown {
  try {
    fn?.()
    return undefined
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}
