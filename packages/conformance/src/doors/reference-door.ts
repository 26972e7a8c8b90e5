import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  type AnyTenancyError,
  isTenancyError,
  nodeRequestView,
  onAbort,
  problemOf,
  type Tenancy,
  type Tenant,
} from '@tenantry/core'
import type { Door, Exchange, Probe, Route } from './door.ts'

/** A part of a request, which must run in its tenant's context. */
export type Phase = 'plain' | 'parsed' | 'raw' | 'body events' | 'answer' | 'end' | 'abort' | 'failed'

/** A request that is being served. */
export interface Served {
  readonly tenancy: Tenancy
  readonly tenant: Tenant
  /** Runs in its context, wherever this is called. */
  run<T>(fn: () => T): T
}

/** The rules of the door, of which a canary replaces one. */
export interface DoorParts {
  /** Whose the request is. What it rejects with refuses the request. */
  whose(tenancy: Tenancy, incoming: IncomingMessage): Promise<Tenant>
  /** Runs a part of the request. */
  within<T>(phase: Phase, served: Served, fn: () => T): T
  /** Gives an answer up when the tenant's work must end. Runs in the request's context. */
  end(tenancy: Tenancy, outgoing: ServerResponse): void
  /** Answers a refusal. */
  refuse(error: AnyTenancyError, outgoing: ServerResponse, incoming: IncomingMessage): void
}

/** Each rule as it must be. */
export const safeDoorParts: DoorParts = {
  whose: (tenancy, incoming) => tenancy.resolve(nodeRequestView(incoming)),
  within: (_, { run }, fn) => run(fn),
  end: (tenancy, outgoing) =>
    void outgoing.once(
      'close',
      onAbort(tenancy.signal(), () => outgoing.destroy()),
    ),
  refuse(error, outgoing) {
    const { status, headers, body } = problemOf(error)
    outgoing.writeHead(status, { ...headers }).end(JSON.stringify(body))
  },
}

function phaseOf(event: unknown, outgoing: ServerResponse): Phase {
  if (event === 'finish' || (event === 'close' && outgoing.writableFinished)) return 'end'
  if (event === 'close') return 'abort'
  return event === 'drain' ? 'answer' : 'body events'
}

const phases = { none: 'plain', parsed: 'parsed', raw: 'raw' } as const satisfies Record<Route['body'], Phase>

/** The reference door: node:http alone, with a JSON parser. Small enough to be read whole before writing a door. */
export async function referenceDoor(probe: Probe, broken: Partial<DoorParts> = {}): Promise<Door> {
  const { tenancy, routes } = probe
  const parts: DoorParts = { ...safeDoorParts, ...broken }

  async function answer(route: Route, served: Served, { incoming, outgoing }: Omit<Exchange, 'body'>): Promise<void> {
    const text = route.body === 'parsed' ? (await incoming.setEncoding('utf8').toArray()).join('') : ''
    const body: unknown = route.body === 'parsed' ? JSON.parse(text) : undefined
    const made = await parts.within(phases[route.body], served, () => route.handle({ incoming, outgoing, body }))
    if (typeof made === 'string') outgoing.end(made)
    else await parts.within('answer', served, () => pipeline(within(made, served), outgoing))
  }

  // Whoever asks for the next piece, it is read in the request's context.
  function within(stream: Readable, served: Served): Readable {
    const read = stream._read.bind(stream)
    stream._read = size => parts.within('answer', served, () => read(size))
    return stream
  }

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    let tenant: Tenant
    try {
      tenant = await parts.whose(tenancy, incoming)
    } catch (error) {
      if (!isTenancyError(error)) throw error
      return parts.refuse(error, outgoing, incoming)
    }
    // Bound, since the events of a socket come in the context of any request that it has served.
    const run = tenancy.run(tenant, () => tenancy.bind(<T>(fn: () => T): T => fn())) as Served['run']
    const served = { tenancy, tenant, run }
    for (const message of [incoming, outgoing]) {
      const emit = message.emit
      message.emit = (...event: Parameters<typeof emit>) =>
        parts.within(phaseOf(event[0], outgoing), served, () => emit.apply(message, event))
    }
    run(() => parts.end(tenancy, outgoing))
    const route = routes.find(({ path }) => path === incoming.url)
    try {
      if (route === undefined) outgoing.writeHead(404).end()
      else await run(() => answer(route, served, { incoming, outgoing }))
    } catch (error) {
      if (outgoing.destroyed || outgoing.headersSent) return
      outgoing.writeHead(500).end(parts.within('failed', served, () => probe.failed(error, incoming)))
    }
  }

  const sockets = new Set<Socket>()
  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch((error: unknown) => outgoing.destroy(error instanceof Error ? error : undefined))
  })
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    name: 'reference door',
    server: `Node ${process.version}`,
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
