import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { createTenancy, TenancyError } from '@tenantry/core'
import { tenantPlugin } from '@tenantry/fastify'
import { type FastifyInstance, fastify } from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type Answer, listen, makeTenancy, registry, type Sent, serve, silent } from './support.ts'

const hello = (app: FastifyInstance) => void app.all('/*', request => ({ tenant: request.tenant?.id }))
const body = ({ text }: Pick<Answer, 'text'>) => JSON.parse(text) as Record<string, unknown>
const down = () => new TenancyError('DATABASE_UNAVAILABLE', { reason: 'CANARY' })

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
    const { ask } = await serve(app => {
      app.addHook('onRequest', async () => reached())
      app.all('/*', reached)
    })
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
    const { ask } = await serve(app => void app.get('/', () => 'never'))
    const get = await ask('ghost')
    for (const path of ['/', '/no-route']) {
      const head = await ask('ghost', { method: 'HEAD', path })
      expect(head).toMatchObject({ status: 404, text: '' })
      expect(head.headers['content-length']).toBe(String(Buffer.byteLength(get.text)))
    }
  })

  it('leaves the connection usable, also with a body that nobody read', async () => {
    const parsed = vi.fn()
    const { port } = await serve(app => {
      app.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => {
        parsed(text)
        done(null, text)
      })
      hello(app)
    })
    const socket = connect(port, '127.0.0.1')
    const of = (name: string, text: string) =>
      `POST / HTTP/1.1\r\nHost: ${name}.example.com\r\nContent-Type: text/x\r\nContent-Length: ${text.length}\r\n\r\n${text}`
    socket.write(of('ghost', 'x'.repeat(1000)) + of('t1', 'y'))
    let all = ''
    for await (const chunk of socket) {
      all += chunk
      if (all.includes('"tenant":"t1"')) break
    }
    expect(all.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 200'])
    expect(parsed.mock.calls).toEqual([['y']])
  })

  it('is told to the error handler and the hooks, which cannot change the answer', async () => {
    const told: string[] = []
    const pages = new Set<Readable>()
    const { ask } = await serve(app => {
      app.addHook(
        'onError',
        async (request, _reply, error) => void told.push(`onError ${request.tenant} ${error.code}`),
      )
      app.addHook('onResponse', async (_request, reply) => void told.push(`onResponse ${reply.statusCode}`))
      app.setErrorHandler<TenancyError>((error, request, reply) => {
        told.push(`handler ${request.tenant} ${error.code}`)
        const page = Readable.from([`<h1>${error.message}</h1>`])
        pages.add(page)
        reply.raw.setHeader('content-encoding', 'gzip')
        return reply.code(200).type('text/html').header('etag', '"a"').header('content-length', 5).send(page)
      })
      hello(app)
    })
    const answer = await ask('ghost')
    expect([answer.status, body(answer).code]).toEqual([404, 'TENANT_NOT_FOUND'])
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.headers['content-length']).toBe(String(answer.text.length))
    expect(answer.headers).not.toHaveProperty('etag')
    expect(answer.headers).not.toHaveProperty('content-encoding')
    expect([...pages].map(page => page.destroyed)).toEqual([true])
    await expect.poll(() => told.length).toBe(3)
    expect(told).toEqual(['onError undefined TENANT_NOT_FOUND', 'handler undefined TENANT_NOT_FOUND', 'onResponse 404'])
  })

  it('stands when the error handler itself has need of a tenant', async () => {
    const { ask } = await serve((app, tenancy) => {
      app.setErrorHandler((_error, _request, reply) => reply.send({ tenant: tenancy.current().id }))
      hello(app)
    })
    expect(await ask('held').then(body)).toMatchObject({ status: 403, code: 'TENANT_SUSPENDED' })
  })

  it('gives a registry that breaks to the error handler, and serves nobody', async () => {
    const tenancy = createTenancy({
      registry: { ...registry, find: () => Promise.reject(new Error('connection refused')) },
      resolvers: [{ name: 'any', resolve: () => ({ key: { kind: 'id', value: 't1' }, trust: 'verified' }) }],
      logger: silent,
    })
    const reached = vi.fn()
    const { ask } = await serve(app => {
      app.all('/', reached)
      app.setErrorHandler<Error>((error, _request, reply) => reply.code(500).send(`handled: ${error.message}`))
    }, tenancy)
    expect(await ask('t1')).toMatchObject({ status: 500, text: 'handled: connection refused' })
    expect(reached).not.toHaveBeenCalled()
  })

  it('is one that is injected inside the unit of work of another tenant', async () => {
    const tenancy = makeTenancy()
    const app = fastify()
    onTestFinished(() => app.close())
    app.register(tenantPlugin, { tenancy })
    hello(app)
    const t2 = await registry.find({ kind: 'slug', value: 't2' })
    if (t2 === undefined) throw new Error('there is t2')
    const ask = (host: string) => tenancy.run(t2, async () => await app.inject({ url: '/', headers: { host } }))
    expect(await ask('t1.example.com').then(answer => answer.json())).toMatchObject({ code: 'TENANT_SWITCHED' })
    expect(await ask('t2.example.com').then(answer => answer.json())).toEqual({ tenant: 't2' })
  })
})

describe('an error of Tenantry', () => {
  it('P12 is answered wherever it is thrown', async () => {
    const fail = () => {
      throw down()
    }
    const rejects = async () => Promise.reject(down())
    const { ask } = await serve((app, tenancy) => {
      app.get('/switches', () => tenancy.run({ ...tenancy.current(), id: 'other' }, () => undefined))
      app.get('/input', (_request, reply) =>
        reply.send(new TenancyError('INPUT_INVALID', { field: 'slug', rule: 'is a reserved word' })),
      )
      app.get('/throws', fail)
      app.get('/rejects', rejects)
      app.get('/onRequest', { onRequest: rejects }, () => 'never')
      app.get('/preHandler', { preHandler: rejects }, () => 'never')
      app.get('/preSerialization', { preSerialization: rejects }, () => ({}))
      app.get('/serializer', { serializerCompiler: () => fail, schema: { response: { 200: {} } } }, () => ({}))
      app.get('/stream', (_request, reply) => reply.send(new Readable({ read: fail })))
      app.get('/schema', { schema: { response: { '5xx': { type: 'object', properties: {} } } } }, fail)
    })
    expect(await ask('t1', { path: '/switches' }).then(body)).toMatchObject({ status: 500, code: 'TENANT_SWITCHED' })
    expect(await ask('t1', { path: '/input' }).then(body)).toMatchObject({
      status: 400,
      detail: 'slug: is a reserved word.',
    })
    const places = [
      'throws',
      'rejects',
      'onRequest',
      'preHandler',
      'preSerialization',
      'serializer',
      'stream',
      'schema',
    ]
    for (const place of places) {
      const answer = await ask('t1', { path: `/${place}` })
      expect([place, answer.status, answer.headers['retry-after'], body(answer).code]).toEqual([
        place,
        503,
        '1',
        'DATABASE_UNAVAILABLE',
      ])
      expect(answer.text).not.toContain('CANARY')
    }
  })

  it('of an onSend hook is answered too', async () => {
    const { ask } = await serve(app => {
      let failed = false
      app.addHook('onSend', async () => {
        if (failed) return
        failed = true
        throw down()
      })
      hello(app)
    })
    expect(await ask('t1').then(body)).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
  })

  it('leaves all others to the error handlers of the application, whose scopes stay as they are', async () => {
    const app = fastify({ allowErrorHandlerOverride: false })
    const teapot = async () => {
      throw Object.assign(new Error('teapot'), { code: 'TENANT_NOT_FOUND', statusCode: 418 })
    }
    app.setErrorHandler<Error>((error, request, reply) => reply.code(418).send(`root ${request.tenant?.id} ${error}`))
    app.register(tenantPlugin, { tenancy: makeTenancy() })
    app.get('/root', teapot)
    app.register(async inner => {
      inner.get('/none', teapot)
    })
    app.register(async inner => {
      inner.setErrorHandler<Error>((error, request, reply) => {
        if (request.url !== '/own') throw error
        return reply.send('own')
      })
      inner.get('/own', teapot)
      inner.get('/thrown-on', teapot)
    })
    const { ask } = await listen(app)
    expect(await ask('t1', { path: '/root' })).toMatchObject({ status: 418, text: 'root t1 Error: teapot' })
    expect(await ask('t1', { path: '/none' })).toMatchObject({ status: 418, text: 'root t1 Error: teapot' })
    expect((await ask('t1', { path: '/own' })).text).toBe('own')
    expect((await ask('t1', { path: '/thrown-on' })).text).toBe('root t1 Error: teapot')
  })

  it('is logged by Fastify as any other, at a level that fits', async () => {
    const lines: { level: number; err?: { type: string; message: string } }[] = []
    const stream = { write: (line: string) => void lines.push(JSON.parse(line)) }
    const { ask } = await serve(
      app => {
        app.get('/', async () => Promise.reject(down()))
      },
      makeTenancy(),
      { logger: { level: 'info', stream } },
    )
    await ask('t1')
    expect(lines.filter(line => line.err !== undefined).map(({ level, err }) => [level, err?.type])).toEqual([
      [50, 'TenancyError'],
    ])
  })

  it('after the answer has begun ends the connection instead of answering twice', async () => {
    const { ask } = await serve(app => {
      app.get('/', (_request, reply) => {
        const answer = new Readable({ read: () => undefined })
        answer.push('begun')
        setTimeout(() => answer.destroy(down()), 20)
        return reply.send(answer)
      })
    })
    await expect(ask('t1')).rejects.toThrow(/aborted|hang up/)
  })
})
