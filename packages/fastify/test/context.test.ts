import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter, once } from 'node:events'
import { Agent, request as send } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { PassThrough, Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as after, setImmediate as immediate } from 'node:timers/promises'
import type { Tenancy } from '@tenantry/core'
import { tenantPlugin } from '@tenantry/fastify'
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { makeTenancy, serve } from './support.ts'

const show = (tenancy: Tenancy) => async (request: FastifyRequest) => ({
  context: tenancy.maybeCurrent()?.id,
  tenant: request.tenant?.id,
  body: request.body,
})
const slugs = Array.from({ length: 20 }, (_, n) => `t${n}`)

/** Lets nobody past a place before this many are there. */
function makeBarrier(size: number): (place: string) => Promise<void> {
  const waiting = new Map<string, (() => void)[]>()
  return place =>
    new Promise(resolve => {
      const all = [...(waiting.get(place) ?? []), resolve]
      waiting.set(place, all)
      if (all.length === size) for (const open of all) open()
    })
}

/** A parser as they are written by hand: `done` is called from a stream event, in the socket's context. */
function byHand(app: FastifyInstance): void {
  app.addContentTypeParser('text/x', (_request, payload, done) => {
    const chunks: Buffer[] = []
    payload.on('data', chunk => chunks.push(chunk))
    payload.on('end', () => done(null, Buffer.concat(chunks).toString()))
  })
}
const handMade = { 'content-type': 'text/x' }

describe('the context of a request', () => {
  it('is there in async handlers, after every wait', async () => {
    const { ask } = await serve((app, tenancy) => {
      app.get('/', async () => {
        const seen = [tenancy.current().id]
        await immediate()
        seen.push(tenancy.current().id)
        await after(2)
        return [...seen, tenancy.current().id]
      })
    })
    expect(JSON.parse((await ask('t3')).text)).toEqual(['t3', 't3', 't3'])
  })

  it.each([
    ['JSON', 'application/json', '{"a":["b"]}', { a: ['b'] }],
    ['text', 'text/plain', 'some text', 'some text'],
    ['a parser that ends in a stream event', 'text/x', 'some text', 'some text'],
    ['a parser that is async', 'text/y', 'some text', 'some text'],
    ['a parser of a payload that a preParsing hook transforms', 'text/z', 'some text', 'SOME TEXT'],
  ])('survives %s, with a body that comes in pieces', async (_, type, text, body) => {
    const { ask } = await serve((app, tenancy) => {
      byHand(app)
      app.addContentTypeParser('text/y', async (_request: FastifyRequest, payload: Readable) =>
        (await payload.toArray()).join(''),
      )
      app.addHook('preParsing', (request, _reply, payload, done) => {
        const upper = (chunk: Buffer, _encoding: string, next: (error: null, text: string) => void) =>
          next(null, chunk.toString().toUpperCase())
        done(
          null,
          request.headers['content-type'] === 'text/z' ? payload.pipe(new Transform({ transform: upper })) : payload,
        )
      })
      app.addContentTypeParser('text/z', { parseAs: 'string' }, (_request, all, done) => done(null, all))
      app.post('/', show(tenancy))
    })
    const pieces = [text.slice(0, 3), text.slice(3, 5), text.slice(5)]
    const headers = { 'content-type': type, 'content-length': String(text.length) }
    const answers = await Promise.all(
      slugs.map(slug => ask(slug, { body: pieces, headers: type === 'text/z' ? { 'content-type': type } : headers })),
    )
    expect(answers.map(answer => JSON.parse(answer.text))).toEqual(
      slugs.map(slug => ({ context: slug, tenant: slug, body })),
    )
  })

  it('survives a body that is piped through transforms, as multipart parsers do', async () => {
    const { ask } = await serve((app, tenancy) => {
      app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
      app.post('/', async request => {
        const seen: (string | undefined)[] = []
        const note = () => seen.push(tenancy.maybeCurrent()?.id)
        const watch = () =>
          new Transform({
            transform(chunk, _encoding, done) {
              note()
              setImmediate(() => {
                note()
                done(null, chunk)
              })
            },
          })
        const parts = new PassThrough().on('data', note)
        await pipeline(request.raw, watch(), watch(), parts)
        note()
        return [...new Set(seen)]
      })
    })
    const body = ['--b\r\n', 'x'.repeat(100_000), 'y'.repeat(100_000), '\r\n--b--']
    const headers = { 'content-type': 'multipart/form-data' }
    const answers = await Promise.all(slugs.map(slug => ask(slug, { body, headers })))
    expect(answers.map(({ text }) => JSON.parse(text))).toEqual(slugs.map(slug => [slug]))
  })

  it('is there in every hook, the validator and the serializer', async () => {
    const seen: string[] = []
    const { ask } = await serve((app, tenancy) => {
      const note = (place: string) => void seen.push(`${place} ${tenancy.maybeCurrent()?.id}`)
      byHand(app)
      for (const hook of ['onRequest', 'preValidation', 'preHandler', 'onResponse'] as const) {
        app.addHook(hook, async () => note(hook))
      }
      app.addHook('preParsing', async (_request, _reply, payload) => {
        note('preParsing')
        return payload
      })
      for (const hook of ['preSerialization', 'onSend'] as const) {
        app.addHook(hook, async (_request: unknown, _reply: unknown, payload: unknown) => {
          note(hook)
          return payload
        })
      }
      app.setValidatorCompiler(() => () => {
        note('validator')
        return true
      })
      app.setSerializerCompiler(() => payload => {
        note('serializer')
        return JSON.stringify(payload)
      })
      const schema = { body: { type: 'string' }, response: { 200: { type: 'object' } } }
      app.post('/', { schema }, async () => ({ seen: note('handler') }))
    })
    await ask('t6', { body: ['a', 'b'], headers: handMade })
    const places = ['onRequest', 'preParsing', 'preValidation', 'validator', 'preHandler', 'handler']
    const expected = [...places, 'preSerialization', 'serializer', 'onSend', 'onResponse'].map(place => `${place} t6`)
    await expect.poll(() => seen).toEqual(expected)
  })

  it('X15 is there in listeners on the request and the response, which can be removed again', async () => {
    const seen: string[] = []
    const { ask } = await serve((app, tenancy) => {
      app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
      app.post('/', (request, reply) => {
        const note = (event: string) => () => seen.push(`${event} ${tenancy.maybeCurrent()?.id}`)
        const removed = note('removed')
        for (const emitter of [request.raw, reply.raw]) emitter.on('close', removed).off('close', removed)
        request.raw.on('data', note('data')).on('end', note('end')).on('close', note('request close'))
        reply.raw.on('finish', note('finish')).on('close', note('response close'))
        request.raw.once('end', () => reply.send('done'))
      })
    })
    await ask('t5', { body: ['a'], headers: handMade })
    await expect.poll(() => seen.length).toBe(5)
    expect(seen.sort()).toEqual(['data t5', 'end t5', 'finish t5', 'request close t5', 'response close t5'])
  })

  it.each<[string, (note: () => void) => Readable | ReadableStream]>([
    [
      'a Readable',
      note => {
        let n = 0
        return new Readable({
          read() {
            note()
            this.push(n++ < 40 ? 'x'.repeat(50_000) : null)
          },
        })
      },
    ],
    [
      'an async generator',
      note =>
        Readable.from(
          (async function* () {
            for (let n = 0; n < 40; n++) {
              note()
              if (n % 10 === 0) await immediate()
              yield 'x'.repeat(50_000)
            }
          })(),
        ),
    ],
    [
      'a web stream',
      note => {
        let n = 0
        return new ReadableStream({
          pull(controller) {
            note()
            if (n++ < 40) controller.enqueue(Buffer.alloc(50_000))
            else controller.close()
          },
        })
      },
    ],
  ])('is there in a reply that is %s, with a client that reads slowly', async (_, make) => {
    const seen = new Map<string, Set<string | undefined>>()
    const { port } = await serve((app, tenancy) => {
      app.get('/', (request, reply) => {
        const ids = new Set<string | undefined>()
        seen.set(String(request.tenant?.id), ids)
        return reply.send(make(() => ids.add(tenancy.maybeCurrent()?.id)))
      })
    })
    const lengths = await Promise.all(
      slugs.map(async slug => {
        const outgoing = send({ port, host: '127.0.0.1', headers: { host: `${slug}.example.com` } }).end()
        const [response] = await once(outgoing, 'response')
        let length = 0
        for await (const chunk of response) {
          length += chunk.length
          if (length % 5 === 0) await immediate()
        }
        return length
      }),
    )
    expect(new Set(lengths)).toEqual(new Set([2_000_000]))
    expect([...seen].map(([slug, ids]) => [slug, ...ids]).sort()).toEqual(slugs.map(slug => [slug, slug]).sort())
  })

  it('X15 is that of each request on a kept-alive connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const { ask } = await serve((app, tenancy) => {
      byHand(app)
      app.post('/', show(tenancy))
    })
    const ports = new Set<number | undefined>()
    for (const slug of ['t1', 't2', 't1', 'ghost', 't3', 't1']) {
      const { text, port, status } = await ask(slug, { agent, body: ['a', 'b'], headers: handMade })
      ports.add(port)
      if (slug === 'ghost') expect(status).toBe(404)
      else expect(JSON.parse(text)).toEqual({ context: slug, tenant: slug, body: 'ab' })
    }
    expect(ports.size).toBe(1)
  })

  it('X15 is that of each request on a pipelined connection', async () => {
    const { port } = await serve((app, tenancy) => {
      byHand(app)
      app.post('/', show(tenancy))
    })
    const socket = connect(port, '127.0.0.1')
    const order = [...slugs, ...slugs].map((slug, n) => (n % 7 === 0 ? 'ghost' : slug))
    for (const slug of order) {
      socket.write(
        `POST / HTTP/1.1\r\nHost: ${slug}.example.com\r\nContent-Type: text/x\r\nContent-Length: 4\r\n\r\nbo`,
      )
      socket.write('dy')
    }
    let all = ''
    for await (const chunk of socket) {
      all += chunk
      if ((all.match(/HTTP\/1\.1 \d+/g) ?? []).length === order.length && all.endsWith('}')) break
    }
    const seen = [...all.matchAll(/\{"(?:context":"(\w+)","tenant":"(\w+)"|type")/g)]
    expect(seen.map(([, context, tenant]) => [context, tenant])).toEqual(
      order.map(slug => (slug === 'ghost' ? [undefined, undefined] : [slug, slug])),
    )
  })

  it('X15 is that of each stream of one HTTP/2 connection', async () => {
    const tenancy = makeTenancy()
    const app = fastify({ http2: true })
    app.register(tenantPlugin, { tenancy })
    app.post('/', async request => {
      await immediate()
      return [tenancy.current().id, request.tenant?.id, request.body]
    })
    const client = connectHttp2(await app.listen({ port: 0, host: '127.0.0.1' }))
    onTestFinished(async () => {
      client.destroy()
      await app.close()
    })
    const answers = await Promise.all(
      [...slugs, 'ghost'].map(async slug => {
        const headers = { ':method': 'POST', ':authority': `${slug}.example.com`, 'content-type': 'text/plain' }
        const stream = client.request(headers)
        stream.write('a')
        await after(2)
        stream.end('b')
        return JSON.parse((await stream.toArray()).join(''))
      }),
    )
    expect(answers.slice(0, 20)).toEqual(slugs.map(slug => [slug, slug, 'ab']))
    expect(answers[20]).toMatchObject({ status: 404, code: 'TENANT_NOT_FOUND' })
  })

  it('P06 never mixes 200 requests of 20 tenants that are inside at the same time', async () => {
    const seen = new Map<string, Set<string | undefined>>()
    const { ask } = await serve((app, tenancy) => {
      const barrier = makeBarrier(200)
      const pass = async (place: string, request: FastifyRequest) => {
        const ids = seen.get(request.id) ?? new Set([request.tenant?.id])
        seen.set(request.id, ids.add(tenancy.current().id))
        await barrier(place)
        ids.add(tenancy.current().id)
      }
      app.addHook('onRequest', request => pass('onRequest', request))
      app.addHook('preHandler', request => pass('preHandler', request))
      app.addHook('onSend', request => pass('onSend', request))
      app.post<{ Body: { slug: string } }>('/', async request => {
        await pass('handler', request)
        await immediate()
        return [...(seen.get(request.id) ?? []), tenancy.current().id, request.body.slug]
      })
    })
    const asked = Array.from({ length: 200 }, (_, n) => `t${n % 20}`)
    const headers = { 'content-type': 'application/json' }
    const answers = await Promise.all(asked.map(slug => ask(slug, { body: [JSON.stringify({ slug })], headers })))
    expect(answers.map(({ text }) => new Set(JSON.parse(text)))).toEqual(asked.map(slug => new Set([slug])))
    expect([...seen.values()].map(ids => ids.size)).toEqual(asked.map(() => 1))
  })

  it('is there in error handlers, whatever fails', async () => {
    const seen: string[] = []
    const planned = () => {
      throw new Error('planned')
    }
    const { ask } = await serve((app, tenancy) => {
      app.addContentTypeParser('text/x', (_request, payload, done) => {
        payload.resume().on('end', () => done(new Error('planned')))
      })
      app.get('/throws', planned)
      app.get('/rejects', async () => {
        await immediate()
        planned()
      })
      app.get('/hook', { preHandler: (_request, _reply, done) => done(new Error('planned')) }, () => 'never')
      app.get('/stream', (_request, reply) => reply.send(new Readable({ read: planned })))
      app.post('/parser', () => 'never')
      app.get('/timeout', { handlerTimeout: 20 }, () => after(200))
      app.addHook('onError', async () => void seen.push(tenancy.current().id))
      app.setErrorHandler<Error>(async (_error, _request, reply) => {
        await immediate()
        return reply.code(500).send(`in ${tenancy.current().id}`)
      })
    })
    const paths = ['/throws', '/rejects', '/hook', '/stream', '/timeout', '/parser']
    for (const path of paths) {
      const body = path === '/parser' ? ['a', 'b'] : []
      expect([path, await ask('t7', { path, body, headers: handMade })]).toMatchObject([
        path,
        { status: 500, text: 'in t7' },
      ])
    }
    expect(seen).toEqual(paths.map(() => 't7'))
  })

  it('is there for a path without a route', async () => {
    const { ask } = await serve((app, tenancy) =>
      app.setNotFoundHandler((_request, reply) => reply.code(404).send(tenancy.current().id)),
    )
    expect(await ask('t7', { path: '/nothing' })).toMatchObject({ status: 404, text: 't7' })
  })

  it('X15 is there when the client goes away, and the next request is served', async () => {
    const seen: string[] = []
    const { ask, port } = await serve((app, tenancy) => {
      const note = (event: string) => void seen.push(`${event} ${tenancy.maybeCurrent()?.id}`)
      app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
      app.addHook('onRequestAbort', async _request => note('onRequestAbort'))
      app.post('/', (request, reply) => {
        request.raw.on('error', () => note('error')).resume()
        reply.raw.on('close', () => note('close'))
        note('begun')
      })
      app.get('/', show(tenancy))
    })
    const headers = { host: 't8.example.com', 'content-length': '100', ...handMade }
    const outgoing = send({ port, method: 'POST', headers })
    const failed = once(outgoing, 'error').catch((error: unknown) => error)
    outgoing.write('some')
    await expect.poll(() => seen).toEqual(['begun t8'])
    outgoing.destroy(new Error('gone'))
    await failed
    await expect.poll(() => seen.length).toBe(4)
    expect(seen.sort()).toEqual(['begun t8', 'close t8', 'error t8', 'onRequestAbort t8'])
    expect((await ask('t9')).status).toBe(200)
  })

  it('ends a streamed reply whose client goes away, in the context', async () => {
    const seen: (string | undefined)[] = []
    const { ask, port } = await serve((app, tenancy) => {
      app.get('/', (_request, reply) => {
        const endless = new Readable({
          read() {
            setImmediate(() => this.push('x'.repeat(1000)))
          },
          destroy(_error, done) {
            seen.push(tenancy.maybeCurrent()?.id)
            done(null)
          },
        })
        return reply.send(endless)
      })
      app.get('/next', show(tenancy))
    })
    const outgoing = send({ port, headers: { host: 't8.example.com' } }).end()
    const [response] = await once(outgoing, 'response')
    response.once('data', () => outgoing.destroy())
    await once(response, 'close').catch((error: unknown) => error)
    await expect.poll(() => seen).toEqual(['t8'])
    expect((await ask('t9', { path: '/next' })).status).toBe(200)
  })

  it('X1 is found again after a hook that was called back in the context of another request', async () => {
    const shared = new EventEmitter()
    const { ask } = await serve((app, tenancy) => {
      app.addHook('preValidation', (request, _reply, done) => {
        // As a client of some server does: whichever request comes last carries the answers of all.
        shared.once('answer', () => done())
        if (request.tenant?.id === 't2') shared.emit('answer')
      })
      app.get('/', show(tenancy))
    })
    const first = ask('t1')
    await expect.poll(() => shared.listenerCount('answer')).toBe(1)
    const answers = await Promise.all([first, ask('t2')])
    expect(answers.map(({ text }) => JSON.parse(text).context)).toEqual(['t1', 't2'])
  })

  it('leaves the contexts of other hooks as they are', async () => {
    const own = new AsyncLocalStorage<string>()
    const seen: (string | undefined)[] = []
    const { ask } = await serve(app => {
      app.addHook('onRequest', (request, _reply, done) => own.run(`own ${request.tenant?.id}`, done))
      app.addHook('onError', async () => void seen.push(own.getStore()))
      app.addHook('onSend', async () => void seen.push(own.getStore()))
      app.post('/', async () => {
        seen.push(own.getStore())
        throw new Error('planned')
      })
    })
    await ask('t4', { body: ['"a', 'b"'], headers: { 'content-type': 'application/json' } })
    expect(seen).toEqual(['own t4', 'own t4', 'own t4'])
  })

  it('is none in onTimeout, which the socket calls, and never that of another request', async () => {
    const seen: unknown[] = []
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const { ask } = await serve(
      (app, tenancy) => {
        app.addHook('onTimeout', async request => void seen.push([request.tenant?.id, tenancy.maybeCurrent()?.id]))
        app.get('/', show(tenancy))
        app.get('/slow', () => after(10_000, undefined, { ref: false }))
      },
      makeTenancy(),
      { connectionTimeout: 50 },
    )
    await ask('t1', { agent })
    await expect(ask('t2', { agent, path: '/slow' })).rejects.toThrow(/hang up/)
    expect(seen).toEqual([['t2', undefined]])
  })
})

describe('the scope of the plugin', () => {
  const seenBy = async (app: FastifyInstance, url: string, host: string) =>
    (await app.inject({ url, headers: { host } })).json()
  const open = () => {
    const app = fastify()
    onTestFinished(() => app.close())
    return app
  }

  it('is the one that registers it and those inside, whatever order the routes come in', async () => {
    const app = open()
    const tenancy = makeTenancy()
    const sees = show(tenancy)
    app.get('/open', sees)
    app.register(async scope => {
      scope.get('/before', sees)
      await scope.register(tenantPlugin, { tenancy })
      scope.get('/after', sees)
      scope.register(
        async inner => {
          inner.get('/deep', sees)
        },
        { prefix: '/inner' },
      )
    })
    app.register(async sibling => {
      sibling.get('/sibling', sees)
    })
    for (const url of ['/before', '/after', '/inner/deep']) {
      expect(await seenBy(app, url, 't4.example.com')).toEqual({ context: 't4', tenant: 't4' })
      expect(await seenBy(app, url, 'ghost.example.com')).toMatchObject({ code: 'TENANT_NOT_FOUND' })
    }
    for (const url of ['/open', '/sibling']) expect(await seenBy(app, url, 't4.example.com')).toEqual({})
  })

  it('may have another tenancy beside it or inside, each with a context of its own', async () => {
    const app = open()
    const [one, two] = [makeTenancy(), makeTenancy({ absentStatus: 401 })]
    const sees = async (request: FastifyRequest) => {
      await immediate()
      return [request.tenant?.id, one.maybeCurrent()?.id, two.maybeCurrent()?.id]
    }
    app.register(async scope => {
      scope.register(tenantPlugin, { tenancy: one })
      scope.get('/one', sees)
      scope.register(async inner => {
        inner.register(tenantPlugin, { tenancy: two })
        inner.get('/both', sees)
      })
    })
    app.register(async scope => {
      scope.register(tenantPlugin, { tenancy: two })
      scope.get('/two', sees)
    })
    expect(await seenBy(app, '/one', 't4.example.com')).toEqual(['t4', 't4', null])
    expect(await seenBy(app, '/two', 't5.example.com')).toEqual(['t5', null, 't5'])
    expect(await seenBy(app, '/both', 't6.example.com')).toEqual(['t6', 't6', 't6'])
    expect(await seenBy(app, '/one', 'example.com')).toMatchObject({ status: 400 })
    expect(await seenBy(app, '/two', 'example.com')).toMatchObject({ status: 401 })
  })

  it('may have the plugin once more, for the same tenant', async () => {
    const app = open()
    const tenancy = makeTenancy()
    app.register(tenantPlugin, { tenancy })
    app.register(async inner => {
      inner.register(tenantPlugin, { tenancy })
      inner.post('/', show(tenancy))
    })
    const answer = await app.inject({
      method: 'POST',
      url: '/',
      headers: { host: 't4.example.com' },
      payload: { a: 'b' },
    })
    expect(answer.json()).toEqual({ context: 't4', tenant: 't4', body: { a: 'b' } })
  })

  it('P03 resolves from the whole target, also under a prefix and behind rewriteUrl', async () => {
    const app = fastify({ rewriteUrl: ({ url = '/' }) => url.replace('/t/', '/tenants/') })
    onTestFinished(() => app.close())
    const tenancy = makeTenancy()
    app.register(
      async scope => {
        scope.register(tenantPlugin, { tenancy })
        scope.get<{ Params: { slug: string } }>('/notes', request => [tenancy.current().id, request.params.slug])
      },
      { prefix: '/tenants/:slug' },
    )
    expect(await seenBy(app, '/t/t4/notes?a=b', 'example.com')).toEqual(['t4', 't4'])
    expect(await seenBy(app, '/t/ghost/notes', 'example.com')).toMatchObject({ status: 404 })
  })
})

describe('a connection that requests share, which calls back in the context of another', () => {
  it('does not change the tenant of the hooks that follow', async () => {
    const shared = new EventEmitter()
    const seen: string[] = []
    const { ask } = await serve((app, tenancy) => {
      const see = (at: string, request: FastifyRequest) =>
        seen.push(`${at} ${request.tenant?.id} ${tenancy.maybeCurrent()?.id}`)
      byHand(app)
      // t1 waits for what a request of t2 says.
      app.addHook('onRequest', (request, _reply, done) => {
        if (request.tenant?.id === 't1') shared.once('enter', () => done())
        else {
          shared.emit((request.query as { say: string }).say)
          done()
        }
      })
      app.addHook('preParsing', async (request, _reply, payload) => {
        see('preParsing', request)
        return payload
      })
      app.addHook('preSerialization', async (request, _reply, payload) => {
        see('preSerialization', request)
        return payload
      })
      app.addHook('onSend', async (request, _reply, payload) => {
        see('onSend', request)
        return payload
      })
      app.post('/', (request, reply) => {
        if (request.tenant?.id === 't1') shared.once('answer', () => reply.send({ a: 1 }))
        else reply.send({ a: 1 })
      })
    })
    const sent = { body: ['x'], headers: handMade }
    const waits = async (event: string) => {
      while (shared.listenerCount(event) === 0) await immediate()
    }
    const first = ask('t1', sent)
    await waits('enter')
    await ask('t2', { ...sent, path: '/?say=enter' })
    await waits('answer')
    await ask('t2', { ...sent, path: '/?say=answer' })
    await first
    const of = (slug: string) => seen.filter(text => text.split(' ')[1] === slug)
    expect(of('t1')).toEqual(['preParsing t1 t1', 'preSerialization t1 t1', 'onSend t1 t1'])
    for (const text of of('t2')) expect(text).toMatch(/ t2 t2$/)
  })
})
