import { once } from 'node:events'
import { Agent, createServer, request as send } from 'node:http'
import { connect } from 'node:net'
import { PassThrough, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as immediate } from 'node:timers/promises'
import type { Tenancy } from '@tenantry/core'
import { tenantMiddleware } from '@tenantry/express'
import express, { type RequestHandler, Router } from 'express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listen, makeTenancy, serve } from './support.ts'

const show =
  (tenancy: Tenancy): RequestHandler =>
  (request, response) => {
    response.json({ context: tenancy.maybeCurrent()?.id, tenant: request.tenant?.id, body: request.body })
  }
const slugs = Array.from({ length: 20 }, (_, n) => `t${n}`)

/** A body parser as they are written by hand: `next` is called from a stream event, in the socket's context. */
const byHand: RequestHandler = (request, _response, next) => {
  const chunks: Buffer[] = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', () => {
    request.body = Buffer.concat(chunks).toString()
    next()
  })
}

describe('the context of a request', () => {
  it('is there in async handlers, after every wait', async () => {
    const { ask } = await serve((app, tenancy) =>
      app.use(async (_request, response) => {
        const seen = [tenancy.current().id]
        await immediate()
        seen.push(tenancy.current().id)
        await new Promise(resolve => setTimeout(resolve, 2))
        seen.push(tenancy.current().id)
        response.json(seen)
      }),
    )
    expect(JSON.parse((await ask('t3')).text)).toEqual(['t3', 't3', 't3'])
  })

  it.each<[string, RequestHandler, string, string, unknown]>([
    ['express.json()', express.json(), 'application/json', '{"a":["b"]}', { a: ['b'] }],
    ['express.urlencoded()', express.urlencoded(), 'application/x-www-form-urlencoded', 'a=b&c=d', { a: 'b', c: 'd' }],
    ['express.text()', express.text(), 'text/plain', 'some text', 'some text'],
    ['a parser that calls next from "end"', byHand, 'text/plain', 'some text', 'some text'],
  ])('survives %s, with a body that comes in pieces', async (_, parser, type, text, body) => {
    const { ask } = await serve((app, tenancy) => app.use(parser, show(tenancy)))
    const answers = await Promise.all(
      slugs.map(slug =>
        ask(slug, { body: [text.slice(0, 3), text.slice(3, 5), text.slice(5)], headers: { 'content-type': type } }),
      ),
    )
    expect(answers.map(answer => JSON.parse(answer.text))).toEqual(
      slugs.map(slug => ({ context: slug, tenant: slug, body })),
    )
  })

  it('survives a body that is piped through transforms, as multipart parsers do', async () => {
    const { ask } = await serve((app, tenancy) =>
      app.use(async (request, response) => {
        const seen: (string | undefined)[] = []
        const watch = () =>
          new Transform({
            transform(chunk, _encoding, done) {
              seen.push(tenancy.maybeCurrent()?.id)
              setImmediate(() => {
                seen.push(tenancy.maybeCurrent()?.id)
                done(null, chunk)
              })
            },
          })
        const parts = new PassThrough()
        parts.on('data', () => seen.push(tenancy.maybeCurrent()?.id))
        await pipeline(request, watch(), watch(), parts)
        seen.push(tenancy.maybeCurrent()?.id)
        response.json([...new Set(seen)])
      }),
    )
    const body = ['--b\r\n', 'x'.repeat(100_000), 'y'.repeat(100_000), '\r\n--b--']
    const answers = await Promise.all(slugs.map(slug => ask(slug, { body })))
    expect(answers.map(({ text }) => JSON.parse(text))).toEqual(slugs.map(slug => [slug]))
  })

  it('X15 is there in listeners on the request and the response, which can be removed again', async () => {
    const seen: string[] = []
    const { ask } = await serve((app, tenancy) =>
      app.use((request, response) => {
        const note = (event: string) => () => seen.push(`${event} ${tenancy.maybeCurrent()?.id}`)
        const removed = note('removed')
        for (const emitter of [request, response]) {
          emitter.on('close', removed).off('close', removed)
        }
        request.on('data', note('data')).on('end', note('end')).on('close', note('request close'))
        response.on('finish', note('finish')).on('close', note('response close'))
        request.once('end', () => response.end('done', note('ended')))
      }),
    )
    await ask('t5', { body: ['a'] })
    await expect.poll(() => seen.length).toBe(6)
    expect(seen.sort()).toEqual(['data t5', 'end t5', 'ended t5', 'finish t5', 'request close t5', 'response close t5'])
  })

  it('X15 is that of each request on a kept-alive connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const { ask } = await serve((app, tenancy) => app.use(byHand, show(tenancy)))
    const ports = new Set<number | undefined>()
    for (const slug of ['t1', 't2', 't1', 'ghost', 't3', 't1']) {
      const { text, port, status } = await ask(slug, { agent, body: ['a', 'b'] })
      ports.add(port)
      if (slug === 'ghost') expect(status).toBe(404)
      else expect(JSON.parse(text)).toEqual({ context: slug, tenant: slug, body: 'ab' })
    }
    expect(ports.size).toBe(1)
  })

  it('X15 is that of each request on a pipelined connection', async () => {
    const { port } = await serve((app, tenancy) => app.use(byHand, show(tenancy)))
    const socket = connect(port, '127.0.0.1')
    const order = [...slugs, ...slugs].map((slug, n) => (n % 7 === 0 ? 'ghost' : slug))
    for (const slug of order) {
      socket.write(`POST / HTTP/1.1\r\nHost: ${slug}.example.com\r\nContent-Length: 4\r\n\r\nbo`)
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

  it('P06 never mixes 200 requests of 20 tenants that are inside at the same time', async () => {
    let inside = 0
    let open: () => void = () => undefined
    const all = new Promise<void>(resolve => {
      open = resolve
    })
    const { ask } = await serve((app, tenancy) =>
      app.use(express.json(), async (request, response) => {
        const seen = [tenancy.current().id]
        inside += 1
        if (inside === 200) open()
        await all
        seen.push(tenancy.current().id)
        await immediate()
        response.json([...seen, tenancy.current().id, request.tenant?.id, request.body.slug])
      }),
    )
    const asked = Array.from({ length: 200 }, (_, n) => `t${n % 20}`)
    const headers = { 'content-type': 'application/json' }
    const answers = await Promise.all(asked.map(slug => ask(slug, { body: [JSON.stringify({ slug })], headers })))
    expect(answers.map(({ text }) => new Set(JSON.parse(text)))).toEqual(asked.map(slug => new Set([slug])))
  })

  it('is there in error handlers, and gone afterwards', async () => {
    const { ask } = await serve((app, tenancy) => {
      app.get('/throws', () => {
        throw new Error('planned')
      })
      app.get('/rejects', async () => {
        await immediate()
        throw new Error('planned')
      })
      app.use((error: Error, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
        response.status(500).send(`${error.message} in ${tenancy.current().id}`)
      })
    })
    for (const path of ['/throws', '/rejects']) {
      expect(await ask('t7', { path })).toMatchObject({ status: 500, text: 'planned in t7' })
    }
  })

  it('X15 is there when the client goes away, and the next request is served', async () => {
    const seen: string[] = []
    const { ask, port } = await serve((app, tenancy) => {
      app.post('/', (request, response) => {
        request.on('error', () => seen.push(`error ${tenancy.maybeCurrent()?.id}`))
        response.on('close', () => seen.push(`close ${tenancy.maybeCurrent()?.id} ${response.writableFinished}`))
        request.resume()
        seen.push('begun')
      })
      app.get('/', show(tenancy))
    })
    const outgoing = send({ port, method: 'POST', headers: { host: 't8.example.com', 'content-length': '100' } })
    const failed = once(outgoing, 'error').catch((error: unknown) => error)
    outgoing.write('some')
    await expect.poll(() => seen).toEqual(['begun'])
    outgoing.destroy(new Error('gone'))
    await failed
    await expect.poll(() => seen.length).toBe(3)
    expect(seen.sort()).toEqual(['begun', 'close t8 false', 'error t8'])
    expect((await ask('t9')).status).toBe(200)
  })
})

describe('a router that is mounted under a path', () => {
  it('P03 resolves from the whole target, of which Express has stripped the mount path', async () => {
    const tenancy = makeTenancy()
    const router = Router({ mergeParams: true }).get('/notes', (request, response) => {
      const { slug } = request.params as { slug?: string }
      response.json([tenancy.current().id, request.tenant?.id, slug, request.url, request.originalUrl])
    })
    const app = express().get(
      '/open',
      (request, response) => void response.json([tenancy.maybeCurrent(), request.tenant]),
    )
    app.use('/t/:slug', tenantMiddleware(tenancy), router)
    const { ask } = await listen(createServer(app))
    const { text } = await ask('example.com', { path: '/t/t4/notes?a=b' })
    expect(JSON.parse(text)).toEqual(['t4', 't4', 't4', '/notes?a=b', '/t/t4/notes?a=b'])
    expect((await ask('example.com', { path: '/t/ghost/notes' })).status).toBe(404)
    expect(JSON.parse((await ask('example.com', { path: '/open' })).text)).toEqual([null, null])
  })

  it('may have the middleware once more, for the same tenant', async () => {
    const { ask } = await serve((app, tenancy) => app.use('/t/:slug', tenantMiddleware(tenancy), byHand, show(tenancy)))
    expect(JSON.parse((await ask('t4', { path: '/t/t4', body: ['x'] })).text)).toEqual({
      context: 't4',
      tenant: 't4',
      body: 'x',
    })
  })
})

describe('two requests in one socket, sent at once', () => {
  it('each have their context in the callbacks of their writes', async () => {
    const seen: string[] = []
    const { port } = await serve((app, tenancy) => {
      app.get('/', async (request, response) => {
        // The second answer waits in the socket until the first one has ended.
        if (request.tenant?.id === 't1') await new Promise(resolve => setTimeout(resolve, 50))
        response.write('x', () => seen.push(`${request.tenant?.id} ${tenancy.maybeCurrent()?.id}`))
        response.end(() => seen.push(`${request.tenant?.id} ${tenancy.maybeCurrent()?.id}`))
      })
    })
    const socket = connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.resume()
    const get = (slug: string, more = '') => `GET / HTTP/1.1\r\nHost: ${slug}.example.com\r\n${more}\r\n`
    socket.write(get('t1') + get('t2', 'Connection: close\r\n'))
    await once(socket, 'close')
    expect(seen.toSorted()).toEqual(['t1 t1', 't1 t1', 't2 t2', 't2 t2'])
  })
})
