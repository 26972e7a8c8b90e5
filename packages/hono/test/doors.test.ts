import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import type { ReadableStream as NodeStream } from 'node:stream/web'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { type MakeDoor, middlewareCases } from '@tenantry/conformance'
import { tenantMiddleware } from '@tenantry/hono'
import { Hono } from 'hono'
import { afterAll, it } from 'vitest'

const makeDoor: MakeDoor = async ({ tenancy, routes, failed }) => {
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.use(tenantMiddleware(tenancy))
  for (const { method, path, body, handle } of routes) {
    app.on(method, path, async c => {
      const { incoming, outgoing } = c.env
      const answer = await handle({ incoming, outgoing, body: body === 'parsed' ? await c.req.json() : undefined })
      return typeof answer === 'string' ? c.text(answer) : c.body(streamOf(answer))
    })
  }
  app.onError((error, c) => c.text(failed(error, c.env.incoming), 500))
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    name: '@tenantry/hono',
    server: 'Hono 4',
    port: (server.address() as AddressInfo).port,
    async close() {
      if ('closeAllConnections' in server) server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function streamOf(readable: Readable): ReadableStream<Uint8Array> {
  return (Readable.toWeb(readable) as NodeStream<Uint8Array | string>).pipeThrough(
    new TransformStream({
      transform: (piece, controller) => controller.enqueue(typeof piece === 'string' ? Buffer.from(piece) : piece),
    }),
  ) as ReadableStream<Uint8Array>
}

const { cases, close } = await middlewareCases(makeDoor)
for (const { name, run } of cases) it(name, run)
afterAll(close)
