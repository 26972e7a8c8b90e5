import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import type { FetchHandler } from './fetch-handler.ts'

/** The parts of a Node request, and what Express leaves of it. */
export interface NodeRequest extends IncomingMessage {
  /** What a middleware has read of the body, of which nothing is left then. */
  readonly body?: unknown
  /** Express keeps the target here when it has stripped a mount path off `url`. */
  readonly originalUrl?: string
}

/**
 * A handler for `node:http`, Express and, with `reply.hijack()`, Fastify. The host of the request is nobody's word: what the handlers of this
 * package do does not depend on it.
 *
 * @example
 * app.post('/v1/auth/oidc/login', nodeHandler(login.start))
 */
export function nodeHandler(
  handler: FetchHandler,
): (request: NodeRequest, response: ServerResponse, next?: (error: unknown) => void) => Promise<void> {
  return async (message, response, next) => {
    try {
      const answer = await handler(requestOf(message))
      for (const cookie of answer.headers.getSetCookie()) response.appendHeader('set-cookie', cookie)
      for (const [name, value] of answer.headers) if (name !== 'set-cookie') response.setHeader(name, value)
      response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()))
    } catch (error) {
      if (next === undefined) throw error
      next(error)
    }
  }
}

function requestOf(message: NodeRequest): Request {
  const { method = 'GET', rawHeaders } = message
  const headers = new Headers()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    // A pseudo-header of HTTP/2 is none here.
    if (!name.startsWith(':')) headers.append(name, rawHeaders[at + 1] ?? '')
  }
  const url = new URL('http://localhost')
  const target = message.originalUrl ?? message.url ?? '/'
  const [, path = '/', search = ''] = /^([^?#]*)(\?[^#]*)?/.exec(target.startsWith('/') ? target : '/') ?? []
  url.pathname = path
  url.search = search
  if (method === 'GET' || method === 'HEAD') return new Request(url, { method, headers })
  return new Request(url, { method, headers, ...bodyOf(message, headers) })
}

function bodyOf(message: NodeRequest, headers: Headers): RequestInit {
  if (message.body === undefined)
    return { body: Readable.toWeb(message) as ReadableStream as never, duplex: 'half' } as RequestInit
  headers.set('content-type', 'application/json')
  return { body: JSON.stringify(message.body) }
}
