import { once } from 'node:events'
import { Agent, type IncomingHttpHeaders, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createTenancy,
  host,
  type Logger,
  memoryRegistry,
  path,
  type Tenancy,
  type TenancyOptions,
} from '@tenantry/core'
import { tenantPlugin } from '@tenantry/fastify'
import { type FastifyInstance, type FastifyServerOptions, fastify } from 'fastify'
import { onTestFinished } from 'vitest'

/** Keeps nothing; the log of the core has tests of its own. */
export const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

export const registry = memoryRegistry([
  ...Array.from({ length: 20 }, (_, n) => ({ id: `t${n}`, slug: `t${n}`, name: `T ${n}` })),
  { id: 'held', slug: 'held', name: 'Held', status: 'suspended' as const },
  { id: 'gone', slug: 'gone', name: 'Gone', status: 'archived' as const },
  { id: 'soon', slug: 'soon', name: 'Soon', status: 'provisioning' as const },
])

export function makeTenancy(options: Partial<TenancyOptions> = {}): Tenancy {
  const resolvers = [host({ baseDomains: ['example.com'] }), path({ prefix: '/t' })]
  return createTenancy({ registry, resolvers, logger: silent, ...options })
}

/** An app with the plugin at its root, listening, until the test ends. */
export async function serve(
  routes: (app: FastifyInstance, tenancy: Tenancy) => void,
  tenancy = makeTenancy(),
  options: FastifyServerOptions = {},
): Promise<Client> {
  const app = fastify(options)
  app.register(tenantPlugin, { tenancy })
  routes(app, tenancy)
  return listen(app)
}

/** A client of this server, and its end when the test ends. */
export async function listen(app: FastifyInstance): Promise<Client> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  onTestFinished(async () => {
    app.server.closeAllConnections()
    await app.close()
  })
  return client((app.server.address() as AddressInfo).port)
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly port: number | undefined
}
export interface Sent {
  readonly method?: string
  readonly path?: string
  /** Pieces are sent one after another, with a pause in between. */
  readonly body?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  readonly rawHeaders?: readonly string[]
  readonly agent?: Agent
}
export interface Client {
  readonly port: number
  /** Sends a request to `{slug}.example.com`, or to the host itself if it has a dot. */
  ask(name: string, sent?: Sent): Promise<Answer>
}

function client(port: number): Client {
  return {
    port,
    async ask(name, { method, path: target = '/', body = [], headers = {}, rawHeaders, agent } = {}) {
      const named = { host: name.includes('.') ? name : `${name}.example.com`, ...headers }
      const outgoing = send({
        host: '127.0.0.1',
        port,
        path: target,
        method: method ?? (body.length > 0 ? 'POST' : 'GET'),
        // A list is sent as it stands, so that a header may stand twice.
        headers: (rawHeaders ?? named) as Record<string, string>,
        agent: agent ?? new Agent(),
      })
      // A refusal may come before the whole body is sent.
      const answered = once(outgoing, 'response')
      for (const piece of body) {
        outgoing.write(piece)
        await new Promise(resolve => setTimeout(resolve, 2))
      }
      outgoing.end()
      const [response] = await answered
      const text = (await response.toArray()).join('')
      return { status: response.statusCode, headers: response.headers, text, port: outgoing.socket?.localPort }
    },
  }
}
