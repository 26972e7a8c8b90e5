import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import fastify from 'fastify'
import { afterAll, describe, expect, it } from 'vitest'
import { type FetchHandler, nodeHandler } from '../../src/index.ts'
import { bodyFields } from '../../src/web/request-fields.ts'

const closing: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closing) await close()
})

async function listen(server: Server): Promise<string> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Says what it was asked. */
const echo: FetchHandler = async request => {
  const { pathname, search } = new URL(request.url)
  const body = request.method === 'GET' ? {} : await bodyFields(request)
  const answer = Response.json({ method: request.method, pathname, search, body, x: request.headers.get('x') })
  answer.headers.append('set-cookie', 'a=1')
  answer.headers.append('set-cookie', 'b=2')
  return answer
}
const broken: FetchHandler = () => Promise.reject(new Error('broken'))

const servers: Record<string, () => Promise<string>> = {
  'node:http': () =>
    listen(
      createServer((request, response) => {
        const run = nodeHandler(request.url?.startsWith('/api/broken') ? broken : echo)
        run(request, response).catch(() => response.writeHead(500).end())
      }),
    ),
  async Express() {
    const routes = express.Router().post('/echo', nodeHandler(echo)).get('/echo', nodeHandler(echo))
    const app = express().use('/api', routes.get('/broken', nodeHandler(broken)))
    return listen(createServer(app))
  },
  async 'Express behind a reader of bodies'() {
    const app = express().use(express.json(), express.urlencoded({ extended: false }))
    app.post('/api/echo', nodeHandler(echo)).get('/api/echo', nodeHandler(echo)).get('/api/broken', nodeHandler(broken))
    return listen(createServer(app))
  },
  async Fastify() {
    const app = fastify()
    const form = 'application/x-www-form-urlencoded'
    app.addContentTypeParser(form, { parseAs: 'string' }, (_request, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(String(body))))
    })
    for (const [url, handler] of [
      ['/api/echo', echo],
      ['/api/broken', broken],
    ] as const) {
      app.route({
        ...{ method: ['GET', 'POST'], url },
        async handler(request, reply) {
          reply.hijack()
          const message = Object.assign(request.raw, { body: request.body })
          await nodeHandler(handler)(message, reply.raw, () => reply.raw.writeHead(500).end())
        },
      })
    }
    await app.listen({ host: '127.0.0.1', port: 0 })
    closing.push(() => app.close())
    return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  },
}

describe.each(Object.entries(servers))('nodeHandler in %s', (_, start) => {
  it('gives the handler method, path, query, headers and body, and sends what it answers', async () => {
    const base = await start()
    const headers = { x: 'y', 'content-type': 'application/json' }
    const post = (body: string, type = 'application/json') =>
      fetch(`${base}/api/echo?q=%20a`, { method: 'POST', body, headers: { ...headers, 'content-type': type } })
    const expected = { method: 'POST', pathname: '/api/echo', search: '?q=%20a', x: 'y', body: { tenant_id: 'a' } }
    const response = await post('{"tenant_id":"a"}')
    expect(await response.json()).toEqual(expected)
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(await (await post('tenant_id=a', 'application/x-www-form-urlencoded')).json()).toEqual(expected)
    expect(await (await fetch(`${base}/api/echo`)).json()).toMatchObject({ method: 'GET', body: {} })
  })

  it('leaves what breaks to the server', async () => {
    expect((await fetch(`${await start()}/api/broken`)).status).toBe(500)
  })
})

describe('nodeHandler', () => {
  it('E17 believes no host', async () => {
    const seen: string[] = []
    const base = await listen(
      createServer((request, response) => {
        const handler: FetchHandler = async ({ url }) => {
          seen.push(url)
          return new Response()
        }
        void nodeHandler(handler)(request, response)
      }),
    )
    for (const target of ['//evil.example/a', '/a', '/a#x', '/a?//b'])
      await fetch(`${base}${target}`, { headers: { 'x-forwarded-host': 'evil.example' } })
    expect(seen.every(url => new URL(url).origin === 'http://localhost')).toBe(true)
  })
})
