import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  bindMessage,
  consoleLogger,
  isTenancyError,
  type Logger,
  nodeRequestView,
  problemOf,
  type Tenancy,
  type TenancyError,
} from '@tenantry/core'
import type { WebSocket, WebSocketServer } from 'ws'
import { tenantSocket } from './tenant-socket.ts'

/** Options of {@link tenantUpgrade}. */
export interface TenantUpgradeOptions {
  /** Told of upgrades that fail by no fault of the client's, as when the registry breaks. Default: JSON on standard error. */
  readonly logger?: Logger
}

/**
 * Lets WebSockets in, each as the tenant of its upgrade request. An upgrade that is refused is answered with problem details
 * (RFC 9457) in place of the 101; one that fails otherwise with status 500.
 *
 * Every listener of the socket runs in the tenant's context. With each message the tenant's status is checked again; once its work must
 * end ({@link Tenancy.signal}), no message is heard any more, and the socket is closed with code 1008 (1013 for a tenant that is not
 * ready) and the error's code as its reason.
 *
 * @param sockets - a server with `noServer: true`; it emits `connection` in the tenant's context.
 * @returns a listener for `upgrade` of Node's server.
 * @example
 * server.on('upgrade', tenantUpgrade(tenancy, new WebSocketServer({ noServer: true })))
 */
export function tenantUpgrade(
  tenancy: Tenancy,
  sockets: WebSocketServer,
  options: TenantUpgradeOptions = {},
): (request: IncomingMessage, stream: Duplex, head: Buffer) => void {
  const { logger = consoleLogger } = options

  async function upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    // Until the socket is that of a WebSocket, nobody else listens.
    stream.on('error', destroy)
    try {
      await tenancy.serve(nodeRequestView(request), () => {
        if (stream.destroyed) return
        bindMessage(request, tenancy.bind(here) as typeof here)
        stream.off('error', destroy)
        sockets.handleUpgrade(request, stream, head, tenancy.bind(connected))
      })
    } catch (error) {
      if (isTenancyError(error)) return refuse(stream, error)
      logger.error({ event: 'upgrade.failed', error: String(error) }, 'A WebSocket could not be let in.')
      answer(stream, 500, {}, '')
    }
  }

  function connected(socket: WebSocket, request: IncomingMessage): void {
    try {
      if (tenantSocket(tenancy, socket)) sockets.emit('connection', socket, request)
    } catch (error) {
      // Too late for an answer.
      logger.error({ event: 'upgrade.failed', error: String(error) }, 'A listener of new WebSockets threw.')
      socket.terminate()
    }
  }

  function destroy(this: Duplex): void {
    this.destroy()
  }

  return (request, stream, head) => void upgrade(request, stream, head)
}

function refuse(stream: Duplex, error: TenancyError): void {
  const { status, headers, body } = problemOf(error)
  answer(stream, status, headers, JSON.stringify(body))
}

/** The connection has left Node's HTTP server, so that an answer is written by hand. */
function answer(stream: Duplex, status: number, headers: Readonly<Record<string, string>>, body: string): void {
  const all = { ...headers, connection: 'close', 'content-length': String(Buffer.byteLength(body)) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  stream.once('finish', () => stream.destroy())
  stream.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`)
}

function here<T>(fn: () => T): T {
  return fn()
}
