import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import type { ReadableStream as NodeStream } from 'node:stream/web'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { type MakeDoor, middlewareCases } from '@tenantry/conformance'
import { serveRequest } from '@tenantry/fetch'
import { afterAll, it } from 'vitest'
import { silent } from './support.ts'

const makeDoor: MakeDoor = async ({ tenancy, routes, failed }) => {
  const answer = (request: Request, bindings: HttpBindings): Promise<Response> => {
    const { incoming, outgoing } = bindings
    return serveRequest(
      tenancy,
      request,
      async () => {
        const route = routes.find(({ path }) => path === new URL(request.url).pathname)
        if (route === undefined) return new Response(null, { status: 404 })
        const body = route.body === 'parsed' ? await request.json() : undefined
        const made = await route.handle({ incoming, outgoing, body })
        return new Response(typeof made === 'string' ? made : streamOf(made))
      },
      {
        messages: [incoming, outgoing],
        onError: error => new Response(failed(error, incoming), { status: 500 }),
        logger: silent,
      },
    )
  }
  const listener = getRequestListener((request, env) => answer(request, env as HttpBindings), {
    overrideGlobalObjects: false,
  })
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    name: '@tenantry/fetch',
    server: `Fetch on Node ${process.version}`,
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections()
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
