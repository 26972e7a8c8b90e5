import type { AddressInfo } from 'node:net'
import { type MakeDoor, middlewareCases } from '@tenantry/conformance'
import { tenantPlugin } from '@tenantry/fastify'
import { fastify } from 'fastify'
import { afterAll, it } from 'vitest'

const makeDoor: MakeDoor = async ({ tenancy, routes, failed }) => {
  const app = fastify()
  app.register(tenantPlugin, { tenancy })
  // Left unread, for a handler that reads it.
  app.addContentTypeParser('application/octet-stream', (_request, _payload, done) => done(null))
  app.setErrorHandler((error, request, reply) => reply.code(500).send(failed(error, request.raw)))
  for (const { method, path, handle } of routes) {
    app.route({
      ...{ method, url: path },
      handler: (request, reply) => handle({ incoming: request.raw, outgoing: reply.raw, body: request.body }),
    })
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    name: '@tenantry/fastify',
    server: `Fastify ${app.version}`,
    port: (app.server.address() as AddressInfo).port,
    async close() {
      app.server.closeAllConnections()
      await app.close()
    },
  }
}

const { cases, close } = await middlewareCases(makeDoor)
for (const { name, run } of cases) it(name, run)
afterAll(close)
