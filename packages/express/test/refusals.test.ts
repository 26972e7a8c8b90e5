import { createServer } from 'node:http'
import { connect } from 'node:net'
import { createTenancy, TenancyError } from '@tenantry/core'
import { problemHandler, tenantMiddleware } from '@tenantry/express'
import express, { type Express } from 'express'
import { describe, expect, it, vi } from 'vitest'
import { type Answer, listen, makeTenancy, registry, type Sent, serve, silent } from './support.ts'

const hello = (app: Express) => void app.use((request, response) => void response.json({ tenant: request.tenant?.id }))
const body = ({ text }: Answer) => JSON.parse(text) as Record<string, unknown>

describe('a request that is refused', () => {
  it.each<[string, number, string, string, Sent?]>([
    ['an unknown tenant', 404, 'TENANT_NOT_FOUND', 'ghost'],
    ['an archived tenant', 404, 'TENANT_NOT_FOUND', 'gone'],
    ['a suspended tenant', 403, 'TENANT_SUSPENDED', 'held'],
    ['a tenant that is being made', 503, 'TENANT_NOT_READY', 'soon'],
    ['no tenant', 400, 'TENANT_ABSENT', 'example.com'],
    ['two sources that disagree', 403, 'TENANT_AMBIGUOUS', 't1', { path: '/t/t2' }],
    [
      'two Host headers',
      400,
      'REQUEST_INVALID',
      '',
      { rawHeaders: ['Host', 't1.example.com', 'Host', 't2.example.com'] },
    ],
    [
      'two Host headers that agree',
      400,
      'REQUEST_INVALID',
      '',
      { rawHeaders: ['Host', 't1.example.com', 'host', 't1.example.com'] },
    ],
    ['a malformed path', 400, 'REQUEST_INVALID', 'example.com', { path: '/t/%74%31' }],
    ['a target with a host of its own', 400, 'REQUEST_INVALID', 't1', { path: 'http://t2.example.com/' }],
  ])('for %s is %i %s, and never reaches a handler', async (_, status, code, name, sent) => {
    const reached = vi.fn()
    const { ask } = await serve(app => app.use(reached))
    const answer = await ask(name, sent)
    expect(answer.status).toBe(status)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(body(answer)).toMatchObject({ type: `urn:tenantry:error:${code}`, code, status, title: expect.any(String) })
    expect(reached).not.toHaveBeenCalled()
  })

  it('for no tenant is 401 where that is configured, with a challenge', async () => {
    const answer = await (await serve(hello, makeTenancy({ absentStatus: 401 }))).ask('example.com')
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer'])
  })

  it('P13 is the same for unknown and archived, byte for byte', async () => {
    const { ask } = await serve(hello)
    const [gone, ghost] = await Promise.all([ask('gone'), ask('ghost')])
    const { date: _, ...headers } = gone.headers
    expect(gone.text).toBe(ghost.text)
    expect(ghost.headers).toMatchObject(headers)
    expect(gone.text).not.toMatch(/gone|ghost/)
  })

  it('has no body for HEAD, but its length', async () => {
    const { ask } = await serve(hello)
    const [head, get] = [await ask('ghost', { method: 'HEAD' }), await ask('ghost')]
    expect(head).toMatchObject({ status: 404, text: '' })
    expect(head.headers['content-length']).toBe(String(Buffer.byteLength(get.text)))
  })

  it('leaves the connection usable, also with a body that nobody read', async () => {
    const { port } = await serve(hello)
    const socket = connect(port, '127.0.0.1')
    const of = (name: string, text: string) =>
      `POST / HTTP/1.1\r\nHost: ${name}.example.com\r\nContent-Length: ${text.length}\r\n\r\n${text}`
    socket.write(of('ghost', 'x'.repeat(1000)) + of('t1', 'y'))
    let all = ''
    for await (const chunk of socket) {
      all += chunk
      if (all.includes('"tenant":"t1"')) break
    }
    expect(all.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 200'])
  })

  it('gives a registry that breaks to the error handlers, and serves nobody', async () => {
    const tenancy = createTenancy({
      registry: { ...registry, find: () => Promise.reject(new Error('connection refused')) },
      resolvers: [{ name: 'any', resolve: () => ({ key: { kind: 'id', value: 't1' }, trust: 'verified' }) }],
      logger: silent,
    })
    const reached = vi.fn()
    const { ask } = await serve(app => {
      app.use(reached)
      app.use((error: Error, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
        response.status(500).send(`handled: ${error.message}`)
      })
    }, tenancy)
    expect(await ask('t1')).toMatchObject({ status: 500, text: 'handled: connection refused' })
    expect(reached).not.toHaveBeenCalled()
  })

  it('when an answer has begun already ends the connection instead of answering twice', async () => {
    const app = express().set('env', 'test')
    app.use((_request, response, next) => {
      response.write('begun')
      next()
    })
    app.use(tenantMiddleware(makeTenancy()), problemHandler({ logger: silent }))
    const { ask } = await listen(createServer(app))
    await expect(ask('ghost')).rejects.toThrow(/aborted|hang up/)
  })
})

describe('problemHandler', () => {
  it('P12 answers errors of Tenantry that a handler throws or rejects with', async () => {
    const { ask } = await serve((app, tenancy) => {
      app.get('/throws', () => tenancy.run({ ...tenancy.current(), id: 'other' }, () => undefined))
      app.get('/rejects', async () => Promise.reject(new TenancyError('DATABASE_UNAVAILABLE', { reason: 'CANARY' })))
      app.get('/input', (_request, _response, next) =>
        next(new TenancyError('INPUT_INVALID', { field: 'slug', rule: 'is a reserved word' })),
      )
    })
    expect(body(await ask('t1', { path: '/throws' }))).toMatchObject({ status: 500, code: 'TENANT_SWITCHED' })
    const down = await ask('t1', { path: '/rejects' })
    expect([down.status, down.headers['retry-after']]).toEqual([503, '1'])
    expect(down.text).not.toContain('CANARY')
    expect(body(await ask('t1', { path: '/input' }))).toMatchObject({
      status: 400,
      detail: 'slug: is a reserved word.',
    })
  })

  it('logs what the answer does not say, from 500 up', async () => {
    const error = vi.fn()
    const app = express().use('/context', () => makeTenancy().current())
    app.use('/input', () => {
      throw new TenancyError('INPUT_INVALID', { field: 'slug', rule: 'is a reserved word' })
    })
    const { ask } = await listen(createServer(app.use(problemHandler({ logger: { ...silent, error } }))))
    expect((await ask('t1', { path: '/input' })).status).toBe(400)
    expect(error).not.toHaveBeenCalled()
    expect((await ask('t1', { path: '/context' })).status).toBe(500)
    expect(error.mock.calls).toEqual([
      [
        { event: 'request.failed', code: 'TENANT_CONTEXT_MISSING', stack: expect.stringContaining('refusals.test') },
        expect.stringContaining('No tenant in context'),
      ],
    ])
  })

  it('leaves all other errors to the next handler', async () => {
    const app = express()
    app.use(() => {
      throw Object.assign(new Error('teapot'), { code: 'TENANT_NOT_FOUND', status: 418 })
    })
    app.use(problemHandler())
    app.use((error: Error, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
      response.status(418).send(error.message)
    })
    expect(await (await listen(createServer(app))).ask('t1')).toMatchObject({ status: 418, text: 'teapot' })
  })

  it('drops what was said of a body that is not sent now', async () => {
    const { ask } = await serve(app =>
      app.use((_request, response) => {
        response.set({ etag: '"a"', 'content-encoding': 'gzip', 'content-length': '5', 'x-kept': 'yes' }).status(200)
        throw new TenancyError('DATABASE_UNAVAILABLE', { reason: 'down' })
      }),
    )
    const answer = await ask('t1')
    expect(body(answer)).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    expect(answer.headers).toMatchObject({ 'x-kept': 'yes', 'content-length': String(answer.text.length) })
    expect(answer.headers).not.toHaveProperty('etag')
    expect(answer.headers).not.toHaveProperty('content-encoding')
  })
})
