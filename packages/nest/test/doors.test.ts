import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ArgumentsHost, Catch, Controller, Get, HttpCode, Post, Req, Res, StreamableFile } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { type MakeDoor, middlewareCases, type Route } from '@tenantry/conformance'
import { tenancyModule } from '@tenantry/nest'
import type { Request, Response } from 'express'
import { afterAll, it } from 'vitest'
import { moduleOf } from './support.ts'

/** What decorators would do, for routes that are data. */
function controllerOf(routes: readonly Route[]): new () => object {
  class Probe {}
  for (const { method, path, handle } of routes) {
    const value = async (incoming: IncomingMessage & { body?: unknown }, outgoing: ServerResponse) => {
      const answer = await handle({ incoming, outgoing, body: incoming.body })
      return typeof answer === 'string' ? answer : new StreamableFile(answer)
    }
    Object.defineProperty(Probe.prototype, path, { value })
    const property = Object.getOwnPropertyDescriptor(Probe.prototype, path) as PropertyDescriptor
    const verb = method === 'GET' ? Get : Post
    for (const decorate of [verb(path), HttpCode(200)]) decorate(Probe.prototype, path, property)
    Req()(Probe.prototype, path, 0)
    Res({ passthrough: true })(Probe.prototype, path, 1)
  }
  Controller()(Probe)
  return Probe
}

const makeDoor: MakeDoor = async ({ tenancy, routes, failed }) => {
  class Failures {
    catch(error: unknown, host: ArgumentsHost): void {
      const http = host.switchToHttp()
      const response = http.getResponse<Response>()
      if (!response.headersSent) response.status(500).send(failed(error, http.getRequest<Request>()))
    }
  }
  Catch()(Failures)
  const app = await NestFactory.create(moduleOf([tenancyModule({ tenancy })], [controllerOf(routes)]), {
    logger: false,
    abortOnError: false,
  })
  app.useGlobalFilters(new Failures())
  const server = await app.listen(0, '127.0.0.1')
  return {
    name: '@tenantry/nest',
    server: 'NestJS 11 on Express',
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections()
      await app.close()
    },
  }
}

const { cases, close } = await middlewareCases(makeDoor)
for (const { name, run } of cases) it(name, run)
afterAll(close)
