import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import { type MakeDoor, middlewareCases } from '@tenantry/conformance'
import { problemHandler, tenantMiddleware } from '@tenantry/express'
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import { afterAll, it } from 'vitest'

const makeDoor: MakeDoor = async ({ tenancy, routes, failed }) => {
  const app = express()
  app.use(tenantMiddleware(tenancy))
  for (const { method, path, body, handle } of routes) {
    const serve: RequestHandler = async (incoming, outgoing) => {
      const answer = await handle({ incoming, outgoing, body: incoming.body })
      if (typeof answer === 'string') outgoing.send(answer)
      else pipeline(answer, outgoing, () => undefined)
    }
    app[method === 'GET' ? 'get' : 'post'](path, ...(body === 'parsed' ? [express.json()] : []), serve)
  }
  const fail: ErrorRequestHandler = (error, request, response, next) =>
    response.headersSent ? next(error) : void response.status(500).send(failed(error, request))
  app.use(problemHandler(), fail)

  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    name: '@tenantry/express',
    server: 'Express 5',
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const { cases, close } = await middlewareCases(makeDoor)
for (const { name, run } of cases) it(name, run)
afterAll(close)
